//! `dkron cluster`: how the cluster is, and the way out when most of its servers are gone.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, Command, value_parser};
use dkron_node::Recovery;
use serde_json::Value;

use super::console;

pub fn command() -> Command {
    let status = Command::new("status")
        .about("Show leader, servers and what one more loss would mean")
        .args(console::args());
    Command::new("cluster")
        .about("The cluster as a whole")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(status)
        .subcommand(recover_command())
}

fn recover_command() -> Command {
    let path = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf))
    };
    let data = path("data-dir", "DIR")
        .required(true)
        .help("Data directory of a server that is stopped and was in the cluster");
    let peers = path("peers", "FILE").help(
        "The servers that are left, as JSON: [{\"id\": name or id, \"address\": \"host:port\", \
         \"non_voter\": false}]; without it this server alone is the cluster",
    );
    let skip = Arg::new("skip-entry")
        .long("skip-entry")
        .value_name("N")
        .value_parser(value_parser!(u64))
        .help("Leave this entry of the log out: the one at which every server ends");
    Command::new("recover")
        .about("Go on with the servers that are left when most are lost for ever")
        .args([data, peers, skip])
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    match matches.subcommand() {
        Some(("status", matches)) => show(matches),
        Some(("recover", matches)) => recover(matches),
        _ => Ok(()),
    }
}

fn recover(matches: &ArgMatches) -> anyhow::Result<()> {
    let wish = Recovery {
        data_dir: matches.get_one::<PathBuf>("data-dir").cloned().unwrap_or_default(),
        peers: matches.get_one::<PathBuf>("peers").cloned(),
        skip: matches.get_one::<u64>("skip-entry").copied(),
    };
    let done = dkron_node::recover(&wish).context("nothing was recovered")?;
    println!("{done}");
    if wish.skip.is_some() {
        println!("What the entry that was left out would have changed is lost, and nothing else.");
    }
    println!(
        "Start this server now. Those that are not on the list are refused until their data \
         directories are emptied; then they are taken in again."
    );
    Ok(())
}

/// Exit code 1 when nobody leads.
fn show(matches: &ArgMatches) -> anyhow::Result<()> {
    let answer = console::ask(matches, "GET", "/v1/operator/health", String::new())?;
    // The same body comes with a 503 when nobody leads.
    let health: Value =
        serde_json::from_slice(&answer.body).map_err(|_| anyhow::anyhow!("{}", answer.text()))?;
    println!("{}", status(&health));
    anyhow::ensure!(health["healthy"] == true, "the cluster has no leader");
    Ok(())
}

fn status(health: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let of = |key: &str| text(&health[key]);
    let mut lines = vec![
        format!("Leader:    {} (tenure {})", of("leader"), of("tenure")),
        format!("Voters:    {} of {} alive", of("voters_alive"), of("voters")),
        format!("Cluster:   {} (generation {})", of("cluster"), of("generation")),
        format!("One more lost: {}", of("if_one_more_dies")),
        String::new(),
    ];
    let head = ["Node", "ID", "Address", "State", "Voter", "Alive", "Contact", "Lag", "Clock"];
    let mut rows = vec![head.into_iter().chain(["Version"]).map(str::to_owned).collect()];
    for server in health["servers"].as_array().into_iter().flatten() {
        let of = |key: &str| text(&server[key]);
        let millis = |key: &str| match &server[key] {
            Value::Null => "-".to_owned(),
            number => format!("{number} ms"),
        };
        let state = if server["leader"] == true { "leader" } else { "follower" };
        rows.push(vec![
            of("name"),
            of("id"),
            of("address"),
            state.to_owned(),
            of("voter"),
            of("alive"),
            millis("last_contact_ms"),
            of("lag"),
            millis("clock_offset_ms"),
            of("version"),
        ]);
    }
    lines.push(console::table(&rows));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn status_says_what_a_person_wants_to_know() {
        let health = json!({
            "healthy": true, "leader": "n1", "tenure": 7, "voters": 3, "voters_alive": 2,
            "cluster": null, "generation": 0, "if_one_more_dies": "nobody could lead",
            "servers": [{
                "name": "n1", "id": "0a", "address": "a:1", "leader": true, "voter": true,
                "alive": true, "last_contact_ms": 0, "lag": 0, "clock_offset_ms": -3,
                "version": "1",
            }, {
                "name": "n2", "id": "0b", "address": "b:1", "leader": false, "voter": true,
                "alive": false, "last_contact_ms": null, "lag": null, "clock_offset_ms": null,
                "version": "1",
            }],
        });
        let wanted = "\
Leader:    n1 (tenure 7)
Voters:    2 of 3 alive
Cluster:   - (generation 0)
One more lost: nobody could lead

Node  ID  Address  State     Voter  Alive  Contact  Lag  Clock  Version
n1    0a  a:1      leader    true   true   0 ms     0    -3 ms  1
n2    0b  b:1      follower  true   false  -        -    -      1";
        assert_eq!(super::status(&health), wanted);
    }
}
