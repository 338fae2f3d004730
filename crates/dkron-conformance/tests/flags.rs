//! Every flag that Dkron's agent knows is one that ours knows and explains.

use std::process::Command;

use dkron_conformance::server::{binary, command};
use serde::Deserialize;

const FLAGS: &str = include_str!("../data/cli-flags.json");

#[derive(Deserialize)]
struct Flag {
    flag: String,
}

#[test]
fn the_help_of_the_agent_names_every_flag() {
    let flags: Vec<Flag> = serde_json::from_str(FLAGS).unwrap();
    assert!(flags.len() > 40, "only {} flags", flags.len());
    let output = Command::new(binary().unwrap()).args(["agent", "--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).collect();
    let missing: Vec<String> = flags
        .iter()
        .map(|known| format!("--{}", known.flag))
        .filter(|flag| !words.contains(&flag.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in the help: {missing:?}\n{help}");
}

/// A file with a typing error, then one that can not be read: both are told, and nothing starts.
#[test]
fn a_configuration_is_checked_without_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        let path = dir.path().join("dkron.yml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let check = |file: &str| {
        let args = ["agent", "--config-check", "--log-level=debug", "--config", file];
        command(&binary().unwrap(), &args).unwrap()
    };
    let file = write("server: true\nencrypt: kPpdjphiipNSsjd4QHWbkA==\nhttp_adr: :8080\n");
    let (fine, said) = check(&file);
    assert!(fine, "{said}");
    for part in [
        "server = true  (",
        "encrypt = (hidden)",
        "log-level = debug  (command line)",
        "unknown key `http_adr` is ignored, did you mean `http-addr`?",
        "the configuration can be used",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    let (fine, said) = check(&write("server: [true\n"));
    assert!(!fine && said.contains("is broken, fix it or move it"), "{said}");
    let (fine, said) = check(&write("raft-multiplier: 11\n"));
    assert!(!fine && said.contains("raft-multiplier: 11 is out of range, use 1 to 10"), "{said}");
}
