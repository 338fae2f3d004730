//! Most servers of a cluster are destroyed for ever: with what is left it goes on, by the command
//! or by a list in the data directory, and nobody of the former cluster disturbs it.
//! Bears T-43 as far as servers that are gone have it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod slots;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::server::{binary, command};
use dkron_conformance::wait::until;
use serde_json::{Value, json};
use slots::{Seen, Slots, far_end};

const JOBS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);

fn goes_on(seen: &Seen, cluster: &Cluster) {
    let before = seen.count();
    let waited = until("calls", PATIENCE, || seen.count() >= before + 2 * JOBS);
    waited.unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
}

fn data(cluster: &Cluster, server: usize) -> PathBuf {
    cluster.servers[server].dir.join("data")
}

/// The agent knew the former cluster and goes along with this one.
fn agents_work(cluster: &Cluster, server: usize) {
    let server = &cluster.servers[server];
    let job = json!({"name": "along", "schedule": "@every 1s", "executor": "noop",
        "tags": {"kind": "agent"}});
    server.post("/v1/jobs", &job).unwrap();
    let ran = || {
        let list = server.get("/v1/jobs/along/executions").unwrap_or_default();
        list.as_array().is_some_and(|list| list.iter().any(|one| one["success"] == true))
    };
    until("a run on the agent", PATIENCE, ran)
        .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
}

fn recover(cluster: &Cluster, server: usize) -> (bool, String) {
    let data = data(cluster, server);
    let args = ["cluster", "recover", "--data-dir", data.to_str().unwrap()];
    command(&binary().unwrap(), &args).unwrap()
}

#[test]
fn the_last_of_three_goes_on_alone_and_the_others_come_back_wiped() {
    let (seen, sink) = far_end();
    let mut cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    // The one that leads knows everything that was acknowledged.
    let left = cluster.led().unwrap();
    let gone = [(left + 1) % 3, (left + 2) % 3];
    for server in gone {
        cluster.servers[server].kill().unwrap();
    }
    let (done, said) = recover(&cluster, left);
    assert!(!done && said.contains("in use"), "{said}");
    cluster.servers[left].kill().unwrap();

    let (done, said) = recover(&cluster, left);
    assert!(done, "{said}");
    assert!(said.contains(&format!("voters: s{}; generation 1", left + 1)), "{said}");
    assert!(said.contains("last index kept: "), "{said}");
    cluster.servers[left].restart().unwrap();
    goes_on(&seen, &cluster);
    slots.are_whole(&cluster.servers[left].url);
    agents_work(&cluster, left);

    let returned = gone[0];
    cluster.servers[returned].spawn_again().unwrap();
    cluster.servers[returned].says("it was recovered without").unwrap();
    goes_on(&seen, &cluster);
    cluster.wait_voters(left, 1).unwrap();

    for server in gone {
        cluster.servers[server].stop();
        fs::remove_dir_all(data(&cluster, server)).unwrap();
        cluster.servers[server].spawn_again().unwrap();
    }
    cluster.wait_voters(left, 3).unwrap();
    // Not before it is certain that both vote: until then the former voters count as well.
    for server in gone {
        let text = format!("server `s{}` has caught up and votes", server + 1);
        let said = || cluster.servers.iter().any(|server| server.log().contains(&text));
        until(&text, PATIENCE, said).unwrap();
    }
    cluster.servers[left].kill().unwrap();
    goes_on(&seen, &cluster);
    assert_eq!(seen.doubled(), []);
    slots.are_whole(&cluster.servers[returned].url);
}

/// The agent has heard of tenures that the last server has not; this is no reason not to hear it.
#[test]
fn a_server_that_lagged_is_recovered_and_the_agent_follows_it() {
    let mut cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    let leader = cluster.led().unwrap();
    let lagging = (leader + 1) % 3;
    cluster.servers[lagging].kill().unwrap();
    let others = [leader, (leader + 2) % 3];
    // Entries that it misses, and then an office whose number is above theirs.
    for no in 0..20 {
        let job = json!({"name": format!("missed-{no}"), "schedule": "@manually",
            "executor": "noop"});
        cluster.servers[leader].insist("/v1/jobs", &job).unwrap();
    }
    cluster.servers[leader].kill().unwrap();
    cluster.servers[leader].restart().unwrap();
    agents_work(&cluster, leader);
    for server in others {
        cluster.servers[server].kill().unwrap();
    }
    let (done, said) = recover(&cluster, lagging);
    assert!(done, "{said}");
    cluster.servers[lagging].restart().unwrap();
    let tenure = |server: usize| {
        let log = cluster.servers[server].log();
        let told = log.rsplit("leadership acquired").next().and_then(|end| {
            end.split("tenure=").nth(1)?.split_whitespace().next()?.parse::<u64>().ok()
        });
        told.unwrap_or(0)
    };
    let heard = others.into_iter().map(tenure).max().unwrap();
    assert!(tenure(lagging) < heard, "tenure {} after {heard}", tenure(lagging));
    agents_work(&cluster, lagging);
}

#[test]
fn two_of_three_go_on_by_a_list_in_their_data_directories() {
    let (seen, sink) = far_end();
    let mut cluster = Cluster::start(&binary().unwrap(), 0).unwrap();
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    let health = cluster.servers[0].get("/v1/operator/health").unwrap();
    let named = |one: &&Value| one["name"] == "s2";
    let id = health["servers"].as_array().unwrap().iter().find(named).unwrap()["id"].clone();
    cluster.servers[2].kill().unwrap();
    goes_on(&seen, &cluster);
    for server in [0, 1] {
        cluster.servers[server].kill().unwrap();
    }
    // One by its name and one by its id; both without the address, which is kept.
    let list = json!([{"id": "s1"}, {"id": id}]).to_string();
    for server in [0, 1] {
        let raft = data(&cluster, server).join("raft");
        fs::create_dir_all(&raft).unwrap();
        fs::write(raft.join("peers.json"), &list).unwrap();
        cluster.servers[server].spawn_again().unwrap();
    }
    cluster.wait_voters(0, 2).unwrap();
    for server in [0, 1] {
        cluster.servers[server].says("the cluster was recovered by raft/peers.json").unwrap();
        let raft = data(&cluster, server).join("raft");
        assert!(!raft.join("peers.json").exists() && raft.join("peers.json.used").exists());
    }
    goes_on(&seen, &cluster);
    assert_eq!(seen.doubled(), []);
    slots.are_whole(&cluster.servers[0].url);
}

#[test]
fn what_is_no_servers_data_is_not_recovered() {
    let directory = std::env::temp_dir().join(format!("dkron-nothing-{}", std::process::id()));
    let binary = binary().unwrap();
    let args = ["cluster", "recover", "--data-dir", directory.to_str().unwrap()];
    let (done, said) = command(&binary, &args).unwrap();
    assert!(!done && said.contains("is no data directory of a server"), "{said}");
    assert!(!directory.exists());
}
