//! Servers come back under other addresses: all at once, and one while the others go on.
//! Bears T-13, T-43 and T-44.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod slots;

use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::server::binary;
use dkron_conformance::wait::until;
use serde_json::json;
use slots::{Seen, Slots, far_end};

const JOBS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);
/// Within which an agent must have found a server under its new address.
const FOUND: Duration = Duration::from_secs(30);

fn goes_on(seen: &Seen, cluster: &Cluster) {
    let before = seen.count();
    let waited = until("calls", PATIENCE, || seen.count() >= before + 2 * JOBS);
    waited.unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
}

/// Free ports there are as many as on the address that everybody uses.
fn other_address(host: u8) -> String {
    let free = std::net::TcpListener::bind((std::net::Ipv4Addr::new(127, 0, 0, host), 0)).unwrap();
    free.local_addr().unwrap().to_string()
}

#[test]
fn all_servers_are_back_at_once_under_other_addresses() {
    let (seen, sink) = far_end();
    let mut cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    let nodes = cluster.servers.iter_mut().chain(&mut cluster.agents);
    nodes.for_each(|node| node.kill().unwrap());
    // The first entry leads to one of them, as a name does that is looked up anew.
    let addresses = [12, 13, 14].map(other_address);
    for (server, address) in cluster.servers.iter_mut().zip(&addresses) {
        server.set_option("bind-addr", address);
        server.set_option("retry-join", &addresses[0]);
    }
    cluster.agents[0].set_option("bind-addr", &other_address(15));
    cluster.agents[0].set_option("retry-join", &addresses[0]);
    let nodes = cluster.servers.iter_mut().chain(&mut cluster.agents);
    nodes.for_each(|node| node.spawn_again().unwrap());
    cluster.wait_ready().unwrap();
    goes_on(&seen, &cluster);
    for (no, host) in [12, 13, 14].into_iter().enumerate() {
        let rpc = cluster.rpc(0, &format!("s{}", no + 1)).unwrap();
        assert!(rpc.starts_with(&format!("127.0.0.{host}:")), "{rpc}");
    }
    assert_eq!(seen.doubled(), []);
    cluster.servers.iter().for_each(|server| slots.are_whole(&server.url));
}

#[test]
fn a_server_that_was_away_is_found_by_every_agent() {
    let (seen, sink) = far_end();
    let mut cluster = Cluster::start(&binary().unwrap(), 2).unwrap();
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    let moved = cluster.led().unwrap();
    cluster.servers[moved].kill().unwrap();
    goes_on(&seen, &cluster);
    cluster.servers[moved].set_option("bind-addr", &other_address(22));
    cluster.servers[moved].spawn_again().unwrap();
    cluster.wait_voters(moved, 3).unwrap();
    // The others go away, so the agents depend on the one that moved as soon as it leads.
    let name = format!("s{}", moved + 1);
    let first = (moved + 1) % 3;
    while cluster.led().unwrap() != moved {
        let leader = cluster.led().unwrap();
        cluster.servers[leader].stop();
        cluster.servers[leader].spawn_again().unwrap();
        cluster.wait_voters(moved, 3).unwrap();
    }
    let server = &cluster.servers[moved];
    let job = json!({"name": "found", "schedule": "@every 1s", "executor": "noop"});
    server.post("/v1/jobs", &job).unwrap();
    let on_all = || {
        let list = server.get("/v1/jobs/found/executions").unwrap_or_default();
        let list = list.as_array().cloned().unwrap_or_default();
        let ran =
            |node: &str| list.iter().any(|one| one["node_name"] == node && one["success"] == true);
        ran("a1") && ran("a2") && ran(&name)
    };
    until("a run on every agent", FOUND, on_all)
        .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
    goes_on(&seen, &cluster);
    assert_eq!(seen.doubled(), []);
    slots.are_whole(&cluster.servers[first].url);
}
