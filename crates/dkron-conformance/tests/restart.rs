//! The real binary is killed with -9 while its jobs run, and started again on the same data:
//! every slot has an execution or a skipped record, on the original phase, and nothing ran twice.
//! Bears T-01, T-02, T-05 and T-08 as far as one server has them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod slots;

use std::time::Duration;

use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use slots::{Slots, far_end};

const JOBS: usize = 12;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn kill_and_restart_lose_no_slot_and_run_none_twice() {
    let (seen, sink) = far_end();
    let args = ["--server", "--bootstrap-expect=1", "--data-dir", "data"];
    let mut server = Server::start(&binary().unwrap(), &args).unwrap();
    let slots = Slots::create(&server.url, &sink.url, JOBS);
    for round in 1..=3 {
        let before = seen.count();
        until("calls before the kill", PATIENCE, || seen.count() >= before + 2 * JOBS).unwrap();
        server.kill().unwrap();
        server.restart().unwrap_or_else(|err| panic!("round {round}: {err:#}"));
    }
    let before = seen.count();
    until("calls after the last restart", PATIENCE, || seen.count() >= before + 2 * JOBS).unwrap();
    assert_eq!(seen.doubled(), []);
    slots.are_whole(&server.url);
}
