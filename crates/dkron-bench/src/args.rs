//! `--name value`, `--name=value` and bare words behind a verb; nothing more.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

#[derive(Debug, Default)]
pub struct Args {
    pub words: Vec<String>,
    named: BTreeMap<String, String>,
}

impl Args {
    pub fn new(words: impl Iterator<Item = String>) -> Args {
        let mut args = Args::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                args.words.push(word);
                continue;
            };
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (name, words.next_if(|w| !w.starts_with("--")).unwrap_or_default()),
            };
            args.named.insert(name.to_owned(), value);
        }
        args
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    pub fn number<T: FromStr>(&self, name: &str, default: T) -> anyhow::Result<T>
    where
        T::Err: Display,
    {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        text.parse().map_err(|e| anyhow::anyhow!("--{name} `{text}`: {e}"))
    }

    /// Refuses what no verb would read, so that a misspelt option is not silently the default.
    pub fn only(&self, words_max: usize, names: &[&str]) -> anyhow::Result<()> {
        if let Some(word) = self.words.get(words_max) {
            anyhow::bail!("unexpected `{word}`");
        }
        match self.named.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) if names.is_empty() => anyhow::bail!("unknown option --{name}"),
            Some(name) => anyhow::bail!("unknown option --{name}; known: --{}", names.join(", --")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_options_are_told_apart() {
        let words = ["list", "--jobs", "10", "--url=http://h", "--keep"];
        let args = Args::new(words.iter().map(|w| (*w).to_owned()));
        assert_eq!(args.words, ["list"]);
        assert_eq!(args.number("jobs", 1).unwrap(), 10);
        assert_eq!(args.text("url"), Some("http://h"));
        assert_eq!(args.text("keep"), Some(""));
        assert!(args.only(1, &["jobs", "url"]).is_err());
        assert!(args.only(1, &["jobs", "url", "keep"]).is_ok());
        assert!(args.number("url", 1).is_err());
    }
}
