//! Which server a command asks: `--url`, `--context`, `DKRON_URL`, `DKRON_CONTEXT`, the context
//! in use, or the usual port of this machine. Contexts are names for addresses in a file of the
//! person who runs the command.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::failure::{Exit, Failure};

const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// The file as it is written.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub contexts: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub url: String,
}

impl Contexts {
    /// Where it is: below `XDG_CONFIG_HOME`, else below `~/.config`.
    pub fn path() -> anyhow::Result<PathBuf> {
        let dir = |name: &str| std::env::var_os(name).filter(|text| !text.is_empty());
        let home = dir("XDG_CONFIG_HOME").map(PathBuf::from);
        let home = home.or_else(|| dir("HOME").map(|home| PathBuf::from(home).join(".config")));
        let home = home.context("contexts are kept below HOME or XDG_CONFIG_HOME: set one")?;
        Ok(home.join("dkron").join("config.toml"))
    }

    /// A file that is not there has none; one that can not be read is an error.
    pub fn load() -> anyhow::Result<Contexts> {
        let Ok(path) = Contexts::path() else { return Ok(Contexts::default()) };
        match fs::read_to_string(&path) {
            Ok(text) => Contexts::parse(&text).with_context(|| format!("{}", path.display())),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(Contexts::default()),
            Err(err) => Err(err).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Contexts> {
        Ok(toml::from_str(text)?)
    }

    /// Whole or not at all: another command may read it meanwhile.
    pub fn store(&self) -> anyhow::Result<()> {
        let path = Contexts::path()?;
        let text = toml::to_string(self).context("writing contexts")?;
        let folder = path.parent().unwrap_or(&path);
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let written = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&fresh, text))
            .and_then(|()| fs::rename(&fresh, &path));
        written.with_context(|| format!("writing {}", path.display()))
    }

    pub fn find(&self, name: &str) -> anyhow::Result<&Entry> {
        self.contexts.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
            let said = match known.as_slice() {
                [] => format!("there is no context \"{name}\": dkron context set {name} --url URL"),
                known => format!("there is no context \"{name}\", but {}", known.join(", ")),
            };
            Failure::new(Exit::NotFound, said).into()
        })
    }
}

/// What was said about the server, the strongest first.
#[derive(Debug, Default)]
pub struct Address {
    pub url: Option<String>,
    pub context: Option<String>,
    pub env_url: Option<String>,
    pub env_context: Option<String>,
}

impl Address {
    /// The file is read only where its contents count.
    pub fn resolve(
        self,
        load: impl FnOnce() -> anyhow::Result<Contexts>,
    ) -> anyhow::Result<String> {
        let named = match (self.url, self.context, self.env_url, self.env_context) {
            (Some(url), ..) => return Ok(url),
            (None, Some(name), ..) => Some(name),
            (None, None, Some(url), _) => return Ok(url),
            (None, None, None, name) => name,
        };
        let contexts = load()?;
        match named.as_ref().or(contexts.current.as_ref()) {
            Some(name) => Ok(contexts.find(name)?.url.clone()),
            None => Ok(DEFAULT_URL.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> anyhow::Result<Contexts> {
        Contexts::parse(
            "current = \"a\"\n[contexts.a]\nurl = \"http://a:1\"\n[contexts.b]\nurl = \"http://b:1\"",
        )
    }

    #[test]
    fn the_strongest_word_counts() {
        let some = |text: &str| Some(text.to_owned());
        let all = || Address {
            url: some("http://flag:1"),
            context: some("b"),
            env_url: some("http://env:1"),
            env_context: some("a"),
        };
        let resolve = |address: Address| address.resolve(known).unwrap();
        assert_eq!(resolve(all()), "http://flag:1");
        assert_eq!(resolve(Address { url: None, ..all() }), "http://b:1");
        assert_eq!(resolve(Address { url: None, context: None, ..all() }), "http://env:1");
        let env = Address { env_context: some("b"), ..Address::default() };
        assert_eq!(resolve(env), "http://b:1");
        assert_eq!(resolve(Address::default()), "http://a:1");
        let none = Address::default().resolve(|| Ok(Contexts::default())).unwrap();
        assert_eq!(none, DEFAULT_URL);
    }

    #[test]
    fn an_unknown_name_says_which_there_are() {
        let address = Address { context: Some("c".into()), ..Address::default() };
        let err = address.resolve(known).unwrap_err();
        assert_eq!(err.to_string(), "there is no context \"c\", but a, b");
        assert_eq!(Failure::exit_of(&err), Exit::NotFound);
    }

    #[test]
    fn the_file_both_ways() {
        let contexts = known().unwrap();
        assert_eq!(Contexts::parse(&toml::to_string(&contexts).unwrap()).unwrap(), contexts);
        assert!(Contexts::parse("curent = 1").is_err());
    }
}
