//! Every flag that Dkron's agent knows is one that ours knows and explains.

use std::process::Command;

use dkron_conformance::server::binary;
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
