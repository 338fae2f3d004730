//! Every recorded case against the real binary.

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
