//! `dkron node`: nodes that are given no runs for a while.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::console;

pub fn command() -> Command {
    let name = || Arg::new("name").value_name("NAME").required(true).help("Name of the node");
    let text = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).help(help).default_value("").hide_default_value(true)
    };
    let drain = Command::new("drain")
        .about("Give a node no more runs; what runs there ends by itself")
        .arg(name())
        .arg(text("deadline", "Cancel what still runs there after this time, such as 10m"))
        .arg(text("reason", "Why, for others to read"))
        .args(console::args());
    let undrain = Command::new("undrain")
        .visible_alias("eligible")
        .about("Give a node runs again")
        .arg(name())
        .arg(text("reason", "Why, for others to read"))
        .args(console::args());
    let list = Command::new("list").about("Show all nodes").args(console::args());
    Command::new("node")
        .about("Nodes and whether they are given runs")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(drain)
        .subcommand(undrain)
        .subcommand(list)
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    match matches.subcommand() {
        Some(("drain", matches)) => {
            let name = set(matches, false)?;
            println!("Node {name} is given no more runs");
        }
        Some(("undrain", matches)) => {
            let name = set(matches, true)?;
            println!("Node {name} is given runs again");
        }
        Some(("list", matches)) => {
            let found = console::ask(matches, "GET", "/v1/nodes", String::new())?.json()?;
            println!("{}", nodes(&found));
        }
        _ => {}
    }
    Ok(())
}

fn set(matches: &ArgMatches, eligible: bool) -> anyhow::Result<&str> {
    let text = |name: &str| match matches.try_get_one::<String>(name) {
        Ok(Some(text)) => text.as_str(),
        _ => "",
    };
    let name = text("name");
    let target = format!("/v1/nodes/{}/eligibility", console::escaped(name));
    let (deadline, reason) = (text("deadline"), text("reason"));
    let by = super::me();
    let body = json!({
        "eligible": eligible, "deadline": deadline, "reason": reason, "by": by,
    });
    console::ask(matches, "PUT", &target, body.to_string())?.json()?;
    Ok(name)
}

fn nodes(found: &Value) -> String {
    let head = ["Node", "Address", "Status", "Server", "Eligible", "Drained by", "Reason"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for node in found.as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        rows.push(vec![
            text(&node["name"]),
            text(&node["address"]),
            text(&node["status"]),
            (node["server"] == true).to_string(),
            (node["eligible"] == true).to_string(),
            text(&node["drain"]["by"]),
            text(&node["drain"]["reason"]),
        ]);
    }
    console::table(&rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn nodes_are_a_table() {
        let found = json!([
            { "name": "n1", "address": "a:1", "status": "alive", "server": true, "eligible": true },
            { "name": "n2", "address": "", "status": "none", "server": false, "eligible": false,
              "drain": { "by": "cli me", "reason": "disk", "deadline": null } },
        ]);
        let wanted = "\
Node  Address  Status  Server  Eligible  Drained by  Reason
n1    a:1      alive   true    true
n2             none    false   false     cli me      disk";
        assert_eq!(super::nodes(&found), wanted);
    }

    #[test]
    fn words_of_the_command() {
        let parse = |args: &[&str]| super::command().try_get_matches_from(args);
        assert!(parse(&["node", "drain", "n1", "--deadline", "10m", "--reason", "x"]).is_ok());
        assert!(parse(&["node", "drain"]).is_err());
        assert!(parse(&["node", "eligible", "n1", "--rpc-addr", "a:1"]).is_ok());
    }
}
