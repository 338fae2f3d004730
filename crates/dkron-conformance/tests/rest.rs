//! Every recorded case against the real binary.

use dkron_conformance::cluster::Cluster;
use dkron_conformance::server::{Server, binary};
use dkron_conformance::{Options, run};

#[test]
fn every_recorded_answer_is_ours() {
    let bin = binary().unwrap();
    let mut server = Server::start(&bin, &["--dev"]).unwrap();
    let report = run(&Options::new(&server.url)).unwrap();
    println!("{report}");
    assert!(server.is_alive(), "the agent ended; its log:\n{}", server.log_tail());
    assert_eq!(report.failed, 0, "{report}");
    assert_eq!(report.passed, 215);
}

/// A server that does not lead answers as the one that does.
#[test]
fn every_recorded_answer_is_that_of_a_follower_too() {
    let cluster = Cluster::start(&binary().unwrap(), 0).unwrap();
    let leader = cluster.leader().unwrap();
    let follower = (leader + 1) % cluster.servers.len();
    let mut options = Options::new(&cluster.servers[follower].url);
    options.follower = true;
    let report = run(&options).unwrap();
    println!("{report}");
    assert_eq!(report.failed, 0, "{report}\n{}", cluster.logs());
    assert!(report.passed > 150, "{report}");
    assert_eq!(cluster.leader(), Some(leader), "the lead changed meanwhile");
}
