//! What a new cluster begins with, as far as options say it. A cluster that exists has settings of
//! its own, and these count; a difference is told.

use std::time::Duration;

use dkron_core::conductor::settings::check;
use dkron_core::domain::Settings;

use super::layers::Origin;
use super::{Error, Layers};
use crate::words::{misfire, misfire_text, span, span_text};

/// The options and how each value is written.
type Shown = (&'static str, fn(&Settings) -> String);
const OPTIONS: [Shown; 8] = [
    ("misfire", |settings| misfire_text(settings.misfire)),
    ("misfire-threshold", |settings| span_text(settings.misfire_threshold)),
    ("start-deadline", |settings| span_text(settings.start_deadline)),
    ("lost-after", |settings| span_text(settings.lost_after)),
    ("keep-executions", |settings| settings.keep_executions.to_string()),
    ("keep-for", |settings| settings.keep_for.map(span_text).unwrap_or_default()),
    ("catch-up-rate", |settings| settings.catch_up_rate.to_string()),
    ("output-limit", |settings| settings.output_limit.to_string()),
];

/// Settings of options; the zone is the machine's and not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstSettings {
    pub values: Settings,
    /// Options that some source names.
    said: Vec<&'static str>,
}

impl FirstSettings {
    pub(super) fn from_layers(layers: &Layers) -> Result<FirstSettings, Error> {
        let long = |key: &str| -> Result<Duration, Error> { read(layers, key, span) };
        let number = |key: &str| -> Result<u32, Error> {
            let number = layers.int_in(key, 1, i64::from(u32::MAX))?;
            Ok(u32::try_from(number).unwrap_or(u32::MAX))
        };
        let values = Settings {
            misfire: read(layers, "misfire", misfire)?,
            misfire_threshold: long("misfire-threshold")?,
            start_deadline: long("start-deadline")?,
            lost_after: long("lost-after")?,
            keep_executions: number("keep-executions")?,
            keep_for: match layers.text("keep-for")?.as_str() {
                "" => None,
                _ => Some(long("keep-for")?),
            },
            catch_up_rate: number("catch-up-rate")?,
            output_limit: number("output-limit")?,
            ..Settings::default()
        };
        check(&values).map_err(|said| match said.split_once(':') {
            // The same value under the option's name.
            Some((field, rest)) => Error::new(format!("{}:{rest}", field.replace('_', "-"))),
            None => Error::new(said),
        })?;
        let mut said = Vec::new();
        for (name, _) in OPTIONS {
            if layers.get(name)?.1 != Origin::Default {
                said.push(name);
            }
        }
        Ok(FirstSettings { values, said })
    }

    /// A line for each option that says something else than the cluster.
    pub fn differences(&self, stored: &Settings) -> Vec<String> {
        let said = OPTIONS.iter().filter(|(name, _)| self.said.contains(name));
        let differs = said.filter_map(|(name, text)| {
            let (wanted, counts) = (text(&self.values), text(stored));
            (wanted != counts).then(|| {
                format!(
                    "option {name} is `{wanted}` and the cluster's setting `{counts}`, which \
                     counts: change it with PATCH /v1/settings, or take the option away"
                )
            })
        });
        differs.collect()
    }
}

fn read<T>(
    layers: &Layers,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Error> {
    parse(&layers.text(key)?).map_err(|said| Error::new(format!("{key}: {said}")))
}
