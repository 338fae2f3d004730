//! Rung 0a: scripts. Each file under `tests/scripts` is a conversation with one machine; see
//! `docs/dev/scripts.md` for the words.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod script;

use script::conductor::Leader;
use script::ledger::Book;
use script::run_folder;
use script::worker::Node;

#[test]
fn ledger() {
    run_folder("ledger", Book::default);
}

#[test]
fn conductor() {
    run_folder("conductor", Leader::default);
}

#[test]
fn worker() {
    run_folder("worker", Node::default);
}
