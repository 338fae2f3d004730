//! Three real servers and their agents: what one server took shows on all of them, and servers that
//! are killed, stopped or wiped lose nothing and double nothing.
//! Bears T-01, T-02, T-05, T-08, T-42 and T-46.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod slots;

use std::fs;
use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};
use slots::{Seen, Slots, far_end};

const JOBS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(60);

fn start(agents: usize) -> Cluster {
    Cluster::start(&binary().unwrap(), agents).unwrap()
}

/// Until each job has run twice more.
fn goes_on(seen: &Seen, cluster: &Cluster) {
    let before = seen.count();
    let waited = until("calls", PATIENCE, || seen.count() >= before + 2 * JOBS);
    waited.unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
}

#[test]
fn what_one_server_took_shows_on_all_of_them() {
    let cluster = start(0);
    for (no, server) in cluster.servers.iter().enumerate() {
        for round in 0..10 {
            let name = format!("shown-{no}-{round}");
            let job = json!({"name": name, "schedule": "@every 1h", "executor": "noop"});
            server.insist("/v1/jobs", &job).unwrap();
            for other in &cluster.servers {
                other.get(&format!("/v1/jobs/{name}")).unwrap();
            }
        }
    }
    let leaders: Vec<Value> =
        cluster.servers.iter().map(|one| one.get("/v1/operator/health").unwrap()).collect();
    for health in leaders {
        assert_eq!((&health["voters"], &health["healthy"]), (&json!(3), &json!(true)), "{health}");
    }
}

#[test]
fn killed_leaders_lose_no_slot_and_double_none() {
    let (seen, sink) = far_end();
    let mut cluster = start(1);
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    for _ in 0..3 {
        let leader = cluster.led().unwrap();
        cluster.servers[leader].kill().unwrap();
        goes_on(&seen, &cluster);
        cluster.servers[leader].spawn_again().unwrap();
        cluster.wait_ready().unwrap();
    }
    goes_on(&seen, &cluster);
    assert_eq!(seen.doubled(), []);
    for server in &cluster.servers {
        slots.are_whole(&server.url);
    }
}

#[test]
fn a_leader_that_is_told_to_stop_hands_on() {
    let (seen, sink) = far_end();
    let mut cluster = start(0);
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    let leader = cluster.led().unwrap();
    cluster.servers[leader].stop();
    assert!(cluster.servers[leader].log().contains("that server leads from now on"));
    goes_on(&seen, &cluster);
    assert_eq!(seen.doubled(), []);
    slots.are_whole(&cluster.servers[(leader + 1) % 3].url);
}

#[test]
fn all_servers_restart_and_one_comes_back_wiped() {
    let (seen, sink) = far_end();
    let mut cluster = start(0);
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    cluster.servers.iter_mut().for_each(|server| server.kill().unwrap());
    cluster.servers.iter_mut().for_each(|server| server.spawn_again().unwrap());
    cluster.wait_ready().unwrap();
    goes_on(&seen, &cluster);

    let wiped = (cluster.led().unwrap() + 1) % 3;
    let former = id_of(&cluster.servers[wiped], &format!("s{}", wiped + 1));
    cluster.servers[wiped].kill().unwrap();
    fs::remove_dir_all(cluster.servers[wiped].dir.join("data")).unwrap();
    cluster.servers[wiped].spawn_again().unwrap();
    let asked = &cluster.servers[(wiped + 1) % 3];
    let taken_in = || {
        let health = asked.get("/v1/operator/health").unwrap_or_default();
        let servers = health["servers"].as_array().cloned().unwrap_or_default();
        let voters = servers.iter().filter(|one| one["voter"] == true && one["id"] != former);
        voters.count() == 3 && servers.len() == 3
    };
    until("a voter in the place of the wiped one", PATIENCE, taken_in).unwrap_or_else(|err| {
        let health = asked.get("/v1/operator/health").unwrap_or_default();
        panic!("{err:#}: former {former}, now {health}\n{}", cluster.logs())
    });
    cluster.wait_ready().unwrap();
    assert_eq!(seen.doubled(), []);
    cluster.servers.iter().for_each(|server| slots.are_whole(&server.url));
}

fn id_of(server: &Server, name: &str) -> Value {
    let health = server.get("/v1/operator/health").unwrap();
    let named = |one: &&Value| one["name"] == name;
    health["servers"].as_array().unwrap().iter().find(named).unwrap()["id"].clone()
}

#[test]
fn what_an_agent_wrote_shows_on_every_server() {
    let cluster = start(1);
    let job = json!({"name": "afar", "schedule": "@every 1h", "executor": "shell",
        "executor_config": {"command": "echo from afar"}});
    cluster.servers[0].insist("/v1/jobs", &job).unwrap();
    cluster.servers[1].insist("/v1/jobs/afar", &json!({})).unwrap();
    for server in &cluster.servers {
        let written = || {
            let list = server.get("/v1/jobs/afar/executions").unwrap_or_default();
            let list = list.as_array().cloned().unwrap_or_default();
            let done = list.iter().filter(|one| one["output"] == "from afar\n");
            // Without tags it runs on every node.
            done.clone().count() >= 4 && done.clone().any(|one| one["node_name"] == "a1")
        };
        until("output", PATIENCE, written)
            .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
    }
}
