//! `dkron raft`: the servers of the consensus group, shown and taken out.

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use super::console;

pub fn command() -> Command {
    let peer = Arg::new("peer-id")
        .long("peer-id")
        .required(true)
        .help("Name or id of the server to take out");
    let list = Command::new("list-peers").about("Show the servers of the consensus group");
    let remove = Command::new("remove-peer").about("Take a server out of the consensus group");
    Command::new("raft")
        .about("The consensus group")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(console::args().map(|arg| arg.global(true)))
        .subcommand(list)
        .subcommand(remove.arg(peer))
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    match matches.subcommand() {
        Some(("list-peers", matches)) => {
            let target = "/v1/operator/raft/configuration";
            let found = console::ask(matches, "GET", target, String::new())?.json()?;
            println!("{}", peers(&found));
        }
        Some(("remove-peer", matches)) => {
            let peer = matches.get_one::<String>("peer-id").map_or("", String::as_str);
            let target = format!("/v1/operator/raft/peer?id={}", console::escaped(peer));
            console::ask(matches, "DELETE", &target, String::new())?.json()?;
            println!("Peer removed");
        }
        _ => {}
    }
    Ok(())
}

fn peers(found: &Value) -> String {
    let mut rows = vec![["Node", "ID", "Address", "State", "Voter"].map(str::to_owned).to_vec()];
    for peer in found["servers"].as_array().into_iter().flatten() {
        let text = |key: &str| peer[key].as_str().unwrap_or("").to_owned();
        let state = if peer["leader"] == true { "leader" } else { "follower" };
        let voter = (peer["voter"] == true).to_string();
        rows.push(vec![text("node"), text("id"), text("address"), state.to_owned(), voter]);
    }
    console::table(&rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn peers_are_a_table() {
        let found = json!({ "index": 9, "servers": [
            { "node": "n1", "id": "0a", "address": "10.0.0.1:6868", "leader": true, "voter": true },
            { "node": "n22", "id": "0b", "address": "10.0.0.2:6868", "leader": false,
              "voter": false },
        ]});
        let wanted = "Node  ID  Address        State     Voter\n\
                      n1    0a  10.0.0.1:6868  leader    true\n\
                      n22   0b  10.0.0.2:6868  follower  false";
        assert_eq!(super::peers(&found), wanted);
    }

    #[test]
    fn the_address_may_stand_on_either_side() {
        let parse = |args: &[&str]| super::command().try_get_matches_from(args);
        assert!(parse(&["raft", "--rpc-addr", "a:1", "list-peers"]).is_ok());
        assert!(parse(&["raft", "list-peers", "--rpc-addr=a:1"]).is_ok());
        assert!(parse(&["raft", "remove-peer"]).is_err(), "whom?");
        assert!(parse(&["raft", "remove-peer", "--peer-id", "n1"]).is_ok());
    }
}
