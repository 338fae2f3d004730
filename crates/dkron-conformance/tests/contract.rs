//! What kinds of clients rely on, as conversations: Dkron's own UI, a client generated from the
//! published page, and one that keeps jobs as code.

use std::path::PathBuf;

use dkron_conformance::server::{Server, binary};
use dkron_conformance::{Options, run};

#[test]
fn clients_find_what_they_rely_on() {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let mut options = Options::new(&server.url);
    options.dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/contract"));
    let report = run(&options).unwrap();
    println!("{report}");
    assert_eq!(report.failed, 0, "{report}");
    assert_eq!(report.passed, 14);
}
