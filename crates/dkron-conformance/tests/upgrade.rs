//! A cluster under load goes from one version to the next one by one, back again, and forward for
//! good: nothing is lost, nothing runs twice, and who is too old afterwards is told so.
//! One build plays both: what the older one announced and knew is staged.
//! Bears T-47.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod slots;

use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::server::binary;
use dkron_conformance::wait::until;
use slots::{Seen, Slots, far_end};

const JOBS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);
const OLD: &[(&str, &str)] = &[("DKRON_TEST_PROTOCOL", "1"), ("DKRON_TEST_CLUSTER_VERSION", "2")];
const NEW: &[(&str, &str)] = &[("DKRON_TEST_PROTOCOL", "2")];
const RAISED: &str = "all servers and nodes know this version of the cluster";

fn goes_on(seen: &Seen, cluster: &Cluster) {
    let before = seen.count();
    let waited = until("calls", PATIENCE, || seen.count() >= before + 2 * JOBS);
    waited.unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
}

/// Restarts all nodes one by one, servers first, except for the last `but`.
fn roll(cluster: &mut Cluster, seen: &Seen, to: &[(&str, &str)], but: usize) {
    let nodes = cluster.servers.len() + cluster.agents.len() - but;
    for place in 0..nodes {
        let servers = cluster.servers.len();
        let node = match place.checked_sub(servers) {
            None => &mut cluster.servers[place],
            Some(agent) => &mut cluster.agents[agent],
        };
        node.stop();
        node.set_env(to);
        node.spawn_again().unwrap();
        cluster.wait_ready().unwrap();
        goes_on(seen, cluster);
    }
}

/// The newest version that a server says the cluster was raised to.
fn raised(cluster: &Cluster, server: usize) -> Option<u32> {
    let log = cluster.servers[server].log();
    let told = log.lines().filter(|line| line.contains(RAISED));
    let number = |line: &str| {
        let (_, rest) = line.split_once("version=")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    told.filter_map(number).max()
}

#[test]
fn forward_back_and_forward_for_good_under_load() {
    let (seen, sink) = far_end();
    let mut cluster = Cluster::start_in(&binary().unwrap(), 1, &[], OLD).unwrap();
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    until("version 2", PATIENCE, || raised(&cluster, 0) == Some(2)).unwrap();

    // All but the agent: the cluster must not rise above what the agent knows.
    roll(&mut cluster, &seen, NEW, 1);
    assert_eq!(raised(&cluster, 0), Some(2));
    roll(&mut cluster, &seen, OLD, 1);
    assert_eq!(raised(&cluster, 0), Some(2));

    roll(&mut cluster, &seen, NEW, 0);
    for server in 0..3 {
        let newer = || raised(&cluster, server).is_some_and(|version| version > 2);
        until("raised version", PATIENCE, newer).unwrap_or_else(|err| {
            panic!("{err:#}\n{}", cluster.logs());
        });
    }
    goes_on(&seen, &cluster);

    let late = (cluster.led().unwrap() + 1) % 3;
    cluster.servers[late].stop();
    cluster.servers[late].set_env(OLD);
    cluster.servers[late].spawn_again().unwrap();
    assert_eq!(cluster.servers[late].ended().unwrap(), Some(1));
    cluster.servers[late].says("upgrade it").unwrap();
    cluster.servers[late].set_env(NEW);
    cluster.servers[late].spawn_again().unwrap();
    cluster.wait_ready().unwrap();
    goes_on(&seen, &cluster);

    assert_eq!(seen.doubled(), []);
    cluster.servers.iter().for_each(|server| slots.are_whole(&server.url));
}
