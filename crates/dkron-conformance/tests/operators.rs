//! What operators do to a cluster that works: look at it, drain a node, let nodes leave, take a
//! server out, change tags.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::http::Request;
use dkron_conformance::server::{Server, binary, command};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// Says a command to the node with that name; its words.
fn say(cluster: &Cluster, node: &str, args: &[&str]) -> String {
    let address = cluster.rpc(0, node).unwrap();
    let args: Vec<&str> = args.iter().copied().chain(["--rpc-addr", &address]).collect();
    let (done, said) = command(&binary().unwrap(), &args).unwrap();
    assert!(done, "{args:?}: {said}");
    said
}

/// Runs a job anew and tells where it ran, and whether with success.
fn run(server: &Server, name: &str, tags: &Value) -> Vec<(String, bool)> {
    let path = format!("/v1/jobs/{name}");
    // It may be there from an earlier run.
    let _ = server.ask(&Request::new("DELETE", &path));
    let job = json!({"name": name, "schedule": "@every 1h", "executor": "noop", "tags": tags});
    server.post("/v1/jobs", &job).unwrap();
    if server.post(&path, &json!({})).is_err() {
        return Vec::new();
    }
    let mut ends = Vec::new();
    let ended = || {
        let list = server.get(&format!("{path}/executions")).unwrap_or_default();
        let list = list.as_array().cloned().unwrap_or_default();
        let is_over = |one: &Value| one["state"] != "running" && one["state"] != "pending";
        let end = |one: &Value| {
            (one["node_name"].as_str().unwrap_or("").to_owned(), one["success"] == true)
        };
        ends = list.iter().map(end).collect();
        list.iter().all(is_over)
    };
    until("end of the run", PATIENCE, ended).unwrap();
    ends.sort();
    ends
}

fn peers(said: &str) -> Vec<&str> {
    said.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn a_cluster_is_shown_drained_left_and_made_smaller() {
    let mut cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    // A server that was just started may not have heard of both others yet.
    let status = || say(&cluster, "s2", &["cluster", "status"]);
    until("three voters", PATIENCE, || status().contains("Voters:    3 of 3 alive")).unwrap();
    let listed = say(&cluster, "s3", &["raft", "list-peers"]);
    let mut names = peers(&listed);
    names.sort_unstable();
    assert_eq!(names, ["s1", "s2", "s3"], "{listed}");
    assert_eq!(listed.matches("leader").count(), 1, "{listed}");

    // A new cluster takes drains once all of its nodes have said that they know them.
    let address = cluster.rpc(0, "s1").unwrap();
    let drain = ["node", "drain", "a1", "--reason=disk", "--rpc-addr", &address];
    let drained = || command(&binary().unwrap(), &drain).is_ok_and(|(done, _)| done);
    until("a drain", PATIENCE, drained).unwrap();
    let nodes = say(&cluster, "s2", &["node", "list"]);
    let drained = |line: &&str| line.starts_with("a1 ") && line.contains("disk");
    assert!(nodes.lines().any(|line| drained(&line)), "{nodes}");
    let everywhere = |cluster: &Cluster| run(&cluster.servers[0], "everywhere", &json!({}));
    let on = |names: &[&str]| -> Vec<(String, bool)> {
        names.iter().map(|name| ((*name).to_owned(), true)).collect()
    };
    assert_eq!(everywhere(&cluster), on(&["s1", "s2", "s3"]));
    say(&cluster, "s1", &["node", "undrain", "a1"]);
    assert_eq!(everywhere(&cluster), on(&["a1", "s1", "s2", "s3"]));

    let said = say(&cluster, "a1", &["leave"]);
    assert!(said.contains("Left the cluster successfully"), "{said}");
    assert_eq!(cluster.agents[0].ended().unwrap(), Some(0));
    until("a run without who left", PATIENCE, || everywhere(&cluster) == on(&["s1", "s2", "s3"]))
        .unwrap();

    cluster.servers[2].stop();
    let gone = cluster.servers.pop().unwrap();
    cluster.led().unwrap_or_else(|err| panic!("{err:#}\n{}", gone.log_tail()));
    // Three were wanted, so a place is kept until somebody says that it is not.
    say(&cluster, "s1", &["raft", "remove-peer", "--peer-id=s3"]);
    let two = || {
        let listed = say(&cluster, "s1", &["raft", "list-peers"]);
        let mut names = peers(&listed);
        names.sort_unstable();
        names == ["s1", "s2"]
    };
    until("two peers", PATIENCE, two).unwrap();
    let unknown = cluster.rpc(0, "s1").unwrap();
    let args = ["raft", "remove-peer", "--peer-id=s9", "--rpc-addr", &unknown];
    let (done, said) = command(&binary().unwrap(), &args).unwrap();
    assert!(!done && said.contains("s9"), "{said}");

    // Who leaves takes its vote along: the last one goes on alone.
    let leader = cluster.led().unwrap();
    let name = format!("s{}", leader + 1);
    say(&cluster, &name, &["leave"]);
    assert_eq!(cluster.servers[leader].ended().unwrap(), Some(0));
    cluster.servers.remove(leader);
    cluster.wait_voters(0, 1).unwrap();
    let last = if leader == 0 { "s2" } else { "s1" };
    assert_eq!(peers(&say(&cluster, last, &["raft", "list-peers"])), [last]);
    let somewhere = || run(&cluster.servers[0], "somewhere", &json!({"kind": "server:1"}));
    until("a run on the last one", PATIENCE, || somewhere() == on(&[last])).unwrap();
}

#[test]
fn new_tags_count_from_the_signal_on() {
    let mut cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    let agent = &mut cluster.agents[0];
    let file = agent.dir.join("dkron.json");
    fs::write(&file, r#"{"tags": {"color": "red"}}"#).unwrap();
    agent.stop();
    // A tag on the command line would overrule those of the file.
    agent.drop_option("tag");
    agent.set_option("config", file.to_str().unwrap());
    agent.spawn_again().unwrap();
    let painted = |color: &str| {
        let ends = run(&cluster.servers[0], "painted", &json!({"color": color}));
        ends == [("a1".to_owned(), true)]
    };
    until("a run on a red node", PATIENCE, || painted("red"))
        .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
    fs::write(&file, r#"{"tags": {"color": "blue"}}"#).unwrap();
    cluster.agents[0].signal("HUP").unwrap();
    until("a run on a blue node", PATIENCE, || painted("blue"))
        .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
    assert!(!painted("red"));
    cluster.agents[0].says("the tags have changed").unwrap();
}
