//! Nodes that must not join: of another cluster, with another key, with a name that is taken, with
//! nobody to join or with options that mean nothing here. Each is told why, and nobody is harmed.
//! Bears T-45.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::server::{Server, binary, free_address};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// Where a server listens for the gossip of others.
fn gossip(server: &Server) -> String {
    let members = server.get("/v1/members").unwrap();
    let own = server.get("/v1/").unwrap()["agent"]["name"].clone();
    let all = members.as_array().unwrap();
    let own = all.iter().find(|one| one["Name"] == own).unwrap();
    format!("{}:{}", own["Addr"].as_str().unwrap(), own["Port"])
}

/// Runs a job on all nodes of a cluster and tells how its executions ended, by node.
fn run_everywhere(server: &Server, name: &str, nodes: usize) -> Vec<(Value, Value)> {
    let job = json!({"name": name, "schedule": "@every 1h", "executor": "noop"});
    server.post("/v1/jobs", &job).unwrap();
    server.post(&format!("/v1/jobs/{name}"), &json!({})).unwrap();
    let mut ended = Vec::new();
    let all = || {
        let list = server.get(&format!("/v1/jobs/{name}/executions")).unwrap_or_default();
        let list = list.as_array().cloned().unwrap_or_default();
        let ends = list.iter().filter(|one| one["state"] != "running" && one["state"] != "pending");
        ended = ends.map(|one| (one["node_name"].clone(), one["success"].clone())).collect();
        ended.len() >= nodes
    };
    until("ends on all nodes", PATIENCE, all).unwrap_or_else(|err| {
        panic!("{err:#}: {ended:?}");
    });
    ended.sort_by_key(|(node, _)| node.to_string());
    ended
}

#[test]
fn a_server_of_another_cluster_is_refused_and_both_go_on() {
    let cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    let address = gossip(&cluster.servers[0]);
    let alone = ["--server", "--bootstrap-expect=1", "--node-name=b1", "--data-dir=data"];
    let mut other = Server::start(&binary().unwrap(), &alone).unwrap();
    other.stop();
    other.set_option("retry-join", &address);
    other.restart().unwrap();
    other.says("belongs to cluster").unwrap();

    for (node, success) in run_everywhere(&cluster.servers[1], "afterwards", 4) {
        assert!(node != "b1" && success == true, "{node}: {success}\n{}", cluster.logs());
    }
    let own = run_everywhere(&other, "afterwards", 1);
    assert_eq!(own, [(json!("b1"), json!(true))]);
    let health = |server: &Server| server.get("/v1/operator/health").unwrap();
    let (ours, theirs) = (health(&cluster.servers[0]), health(&other));
    assert_eq!((&ours["voters"], &theirs["voters"]), (&json!(3), &json!(1)));
    assert_ne!(ours["cluster"], theirs["cluster"]);
}

#[test]
fn one_server_becomes_three() {
    let alone = ["--server", "--bootstrap-expect=1", "--node-name=s1", "--data-dir=data"];
    let first = Server::start(&binary().unwrap(), &alone).unwrap();
    assert_eq!(run_everywhere(&first, "before", 1), [(json!("s1"), json!(true))]);
    let join = format!("--retry-join={}", gossip(&first));
    let launch = |name: &str| {
        let args = ["--server", name, "--data-dir=data", &join];
        Server::launch(&binary().unwrap(), &args, &[]).unwrap()
    };
    let more = ["--node-name=s2", "--node-name=s3"].map(launch);
    let three = || {
        let health = first.get("/v1/operator/health").unwrap_or_default();
        health["voters_alive"] == 3 && health["healthy"] == true
    };
    until("three voters", PATIENCE, three)
        .unwrap_or_else(|err| panic!("{err:#}\n{}\n{}", first.log_tail(), more[0].log_tail()));
    assert_eq!(run_everywhere(&more[1], "afterwards", 3).len(), 3);
    assert_eq!(more[0].get("/v1/jobs/before").unwrap()["success_count"], 1);
}

#[test]
fn another_key_is_not_understood_and_said() {
    let key = |letter: u8| format!("--encrypt={}", base64(letter));
    let cluster = Cluster::start_with(&binary().unwrap(), 0, &[&key(b'a')]).unwrap();
    let address = format!("--retry-join={}", gossip(&cluster.servers[0]));
    let args = ["--node-name=x1", "--data-dir=data", &address, &key(b'b')];
    let stranger = Server::launch(&binary().unwrap(), &args, &[]).unwrap();
    cluster.servers[0].says("the keys (encrypt) of sender and receiver differ").unwrap();
    let args = ["--node-name=x2", "--data-dir=data", &address];
    let open = Server::launch(&binary().unwrap(), &args, &[]).unwrap();
    let heard = || {
        let log = format!("{}{}", cluster.servers[0].log(), open.log());
        log.contains("has a key (encrypt)") || log.contains("has no key (encrypt)")
    };
    until("a word about the key", PATIENCE, heard).unwrap();
    let members = cluster.servers[0].get("/v1/members").unwrap();
    assert_eq!(members.as_array().unwrap().len(), 3, "{members}\n{}", stranger.log_tail());
}

/// Sixteen equal bytes.
fn base64(letter: u8) -> String {
    let triple = match letter {
        b'a' => "YWFh",
        _ => "YmJi",
    };
    let last = if letter == b'a' { "YQ==" } else { "Yg==" };
    format!("{}{last}", triple.repeat(5))
}

#[test]
fn a_name_that_is_taken_is_said() {
    let cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    let address = format!("--retry-join={}", gossip(&cluster.servers[0]));
    let args = ["--node-name=a1", "--data-dir=data", &address];
    let double = Server::launch(&binary().unwrap(), &args, &[]).unwrap();
    let said = || {
        let logs = [&cluster.agents[0], &double].map(Server::log);
        logs.iter().any(|log| log.contains("a1") && log.contains("another"))
    };
    until("a word about the name", PATIENCE, said)
        .unwrap_or_else(|err| panic!("{err:#}\n{}\n{}", cluster.logs(), double.log_tail()));
    let ends = run_everywhere(&cluster.servers[0], "named", 4);
    assert!(ends.iter().all(|(_, success)| success == true), "{ends:?}\n{}", cluster.logs());
}

#[test]
fn tries_that_are_over_end_the_agent() {
    let nobody = format!("--retry-join={}", free_address().unwrap());
    let args = ["--data-dir=data", &nobody, "--retry-max=2", "--retry-interval=50ms"];
    let mut agent = Server::launch(&binary().unwrap(), &args, &[]).unwrap();
    assert_eq!(agent.ended().unwrap(), Some(1));
    agent.says("nobody was joined in").unwrap();
    agent.says("(retry-max)").unwrap();
}

#[test]
fn discovery_that_is_not_there_is_refused_by_name() {
    let args = ["--data-dir=data", "--retry-join=provider=aws tag_key=role tag_value=dkron"];
    let mut agent = Server::launch(&binary().unwrap(), &args, &[]).unwrap();
    assert_eq!(agent.ended().unwrap(), Some(1));
    agent.says("provider=aws is not there; put a DNS name into retry-join instead").unwrap();
}
