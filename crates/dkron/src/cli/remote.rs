//! What every command for people takes: which server, and how the answer is shown.

use clap::{Arg, ArgMatches};

use super::show::Format;
use crate::client::{Address, Client, Contexts, usage};

/// On the command of a whole topic; what stands below it takes them too.
pub fn args() -> [Arg; 3] {
    let url = Arg::new("url")
        .long("url")
        .value_name("URL")
        .global(true)
        .help("Server to ask [env: DKRON_URL] [default: the context in use, or this machine]");
    let context = Arg::new("context")
        .long("context")
        .value_name("NAME")
        .global(true)
        .help("Server to ask, by the name of a context [env: DKRON_CONTEXT]");
    [url, context, output()]
}

/// How the answer is shown.
pub fn output() -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FORMAT")
        .global(true)
        .help("table, wide, json or yaml")
        .default_value("table")
        .value_parser(["table", "wide", "json", "yaml"])
}

/// A server, and the form in which its answers are wanted.
pub struct Remote {
    pub client: Client,
    pub format: Format,
}

impl Remote {
    pub fn of(matches: &ArgMatches) -> anyhow::Result<Remote> {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let env = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let address = Address {
            url: text("url"),
            context: text("context"),
            env_url: env("DKRON_URL"),
            env_context: env("DKRON_CONTEXT"),
        };
        let client = Client::new(&address.resolve(Contexts::load)?)?;
        Ok(Remote { client, format: format(matches) })
    }
}

pub fn format(matches: &ArgMatches) -> Format {
    match matches.get_one::<String>("output").map(String::as_str) {
        Some("wide") => Format::Wide,
        Some("json") => Format::Json,
        Some("yaml") => Format::Yaml,
        _ => Format::Table,
    }
}

/// `KEY=VALUE` as two texts.
pub fn pair(text: &str) -> anyhow::Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(usage(format!("\"{text}\" is no pair, write KEY=VALUE"))),
    }
}

/// A query string of what was said; what was not is left out.
pub fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let said = pairs.iter().filter_map(|(key, value)| Some((key, (*value)?)));
    let parts: Vec<String> = said
        .map(|(key, value)| format!("{}={}", super::console::escaped(key), escaped(value)))
        .collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

pub use super::console::escaped;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_hold_what_was_said() {
        assert_eq!(query(&[("a", None)]), "");
        assert_eq!(query(&[("q", Some("a b")), ("x", None), ("n", Some("1"))]), "?q=a%20b&n=1");
    }

    #[test]
    fn pairs_have_two_sides() {
        assert_eq!(pair("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }
}
