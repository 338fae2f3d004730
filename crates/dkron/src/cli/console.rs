//! How commands for operators ask a node: a request of the REST API over the RPC port, so that
//! agents answer too and `--encrypt` proves both ends.

use anyhow::{Context as _, bail};
use clap::{Arg, ArgMatches};
use dkron_node::console::Console;
use serde_json::Value;

use crate::config::{self, SystemInterfaces, expand};

const RPC_PORT: u16 = 6868;

/// Where to ask and with which key; on every command that asks.
pub fn args() -> [Arg; 2] {
    let address = Arg::new("rpc-addr")
        .long("rpc-addr")
        .help("RPC address of the node to ask")
        .default_value("{{ GetPrivateIP }}:6868")
        .allow_hyphen_values(true);
    let key = Arg::new("encrypt")
        .long("encrypt")
        .help("Key of the cluster, if it has one")
        .env("DKRON_ENCRYPT")
        .hide_env_values(true)
        .default_value("");
    [address, key]
}

/// An answer of a node.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body of an answer that says yes; else its text is the error.
    pub fn json(self) -> anyhow::Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("{}", self.text());
        }
        serde_json::from_slice(&self.body).context("the node's answer can not be read")
    }

    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body).trim().to_owned();
        if text.is_empty() { format!("the node answers with status {}", self.status) } else { text }
    }
}

/// Asks the node that the command line names. Text may be empty.
pub fn ask(
    matches: &ArgMatches,
    method: &str,
    target: &str,
    body: String,
) -> anyhow::Result<Answer> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let address = address(text("rpc-addr"))?;
    let key = match text("encrypt") {
        "" => None,
        text => Some(config::key(text)?),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = async {
        let console = Console::new(&address, key.as_ref().map(|key| key.as_bytes()))?;
        console.ask(method, target, body.into()).await
    };
    let (status, body) = runtime.block_on(asked).map_err(|err| {
        anyhow::anyhow!("no answer from {address}: {err}; is --rpc-addr right, and --encrypt?")
    })?;
    Ok(Answer { status, body: body.into() })
}

/// `host:port`; a bare host takes the usual port.
fn address(text: &str) -> anyhow::Result<String> {
    let (text, warning) = expand("rpc-addr", text, &SystemInterfaces)?;
    if let Some(warning) = warning {
        eprintln!("Warning: {warning}");
    }
    Ok(match text.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => text,
        _ => format!("{text}:{RPC_PORT}"),
    })
}

/// A part of a path or a query as it is written there.
pub fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Columns side by side, two spaces between them; the first row has the names.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let letters = |text: &String| text.chars().count();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(letters).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_the_usual_port() {
        for (text, wanted) in [
            ("10.0.0.1:7000", "10.0.0.1:7000"),
            ("10.0.0.1", "10.0.0.1:6868"),
            ("node.example", "node.example:6868"),
            ("[::1]:5", "[::1]:5"),
        ] {
            assert_eq!(address(text).unwrap(), wanted);
        }
        assert!(address("{{ GetMagic }}").is_err());
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("a b/ñ-1"), "a%20b%2F%C3%B1-1");
    }

    #[test]
    fn columns_stand_side_by_side() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let shown = table(&[row(["A", "Bb", "C"]), row(["aaa", "b", ""])]);
        assert_eq!(shown, "A    Bb  C\naaa  b");
    }

    #[test]
    fn a_refusal_is_the_error() {
        let refused = Answer { status: 409, body: b"no".to_vec() };
        assert_eq!(refused.json().unwrap_err().to_string(), "no");
        let empty = Answer { status: 500, body: Vec::new() };
        assert_eq!(empty.json().unwrap_err().to_string(), "the node answers with status 500");
    }
}
