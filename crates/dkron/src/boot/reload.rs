//! SIGHUP: the configuration is read again. User tags and the log level take effect at once; what
//! else has changed is named, because it needs a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Error, Layers, Options, SystemInterfaces};
use crate::logging::Levels;

/// Publishes all tags of this node, the reserved ones among them.
pub type Retag = Arc<dyn Fn(BTreeMap<String, String>) + Send + Sync>;

/// Where the configuration comes from.
pub struct Source {
    /// The command line's options with their texts.
    pub flags: BTreeMap<String, Vec<String>>,
    /// Name of this machine.
    pub host: String,
}

impl Source {
    pub fn layers(&self) -> Result<Layers, Error> {
        // Names and values that are not text are left out: no option can be meant by them.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Layers::read(self.flags.clone(), std::env::vars_os().filter_map(text).collect())
    }

    pub fn options(&self, layers: &Layers) -> Result<Options, Error> {
        Options::from_layers(layers, &SystemInterfaces, &self.host)
    }
}

/// What counts at present.
pub struct Reload {
    pub source: Source,
    pub layers: Layers,
    pub levels: Levels,
}

/// What became of a configuration that was read again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub tags: Option<BTreeMap<String, String>>,
    pub level: Option<String>,
    /// Options whose new values count after a restart.
    pub restart: Vec<&'static str>,
}

impl Change {
    pub fn between(
        (old_layers, old): (&Layers, &Options),
        (new_layers, new): (&Layers, &Options),
    ) -> Change {
        let at_once = ["tag", "tags", "log-level"];
        let changed = old_layers.differences(new_layers).into_iter();
        Change {
            tags: (old.node.tags != new.node.tags).then(|| new.node.tags.clone()),
            level: (old.log.level != new.log.level).then(|| new.log.level.clone()),
            restart: changed.filter(|name| !at_once.contains(name)).collect(),
        }
    }
}

impl Reload {
    /// Reads again. `now` is what the node runs with, and holds what took effect afterwards.
    pub fn again(&mut self, now: &mut Options, retag: &Retag) {
        let read = self.source.layers().and_then(|layers| {
            let options = self.source.options(&layers)?;
            Ok((layers, options))
        });
        let (layers, options) = match read {
            Ok(read) => read,
            Err(err) => {
                tracing::error!(%err, "config: the new configuration is broken, the old one stays");
                return;
            }
        };
        let change = Change::between((&self.layers, now), (&layers, &options));
        if change == Change::default() {
            tracing::info!("config: read again, nothing has changed");
        }
        if let Some(level) = change.level {
            self.levels.set(&level);
            tracing::info!(level, "config: the log level has changed");
            now.log.level = level;
        }
        if let Some(tags) = change.tags {
            tracing::info!(?tags, "config: the tags have changed");
            now.node.tags = tags;
            retag(super::node::tags(now));
        }
        for option in change.restart {
            tracing::warn!("config: option {option} has changed, it counts after a restart");
        }
    }
}
