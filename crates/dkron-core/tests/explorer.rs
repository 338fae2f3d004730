//! Rung 0b: every sequence of commands up to a depth, over small worlds. States that were seen
//! before are not entered again.
//! Bears T-17 and T-30.

mod ledger_walk;

use std::collections::BTreeSet;

use ledger_walk::{Walk, entry_moves};

/// Takes every sequence of moves; the number of states that it saw keeps the test honest.
fn explore(jobs: &[&str], puts: &[&str], depth: usize) -> usize {
    let mut front = vec![Walk::new(jobs)];
    let mut seen = BTreeSet::new();
    for _ in 0..depth {
        let mut next = Vec::new();
        for walk in front {
            for step in entry_moves(&walk, puts) {
                let mut walk = walk.clone();
                walk.apply(&step);
                if seen.insert((walk.ledger.applied(), walk.hash)) {
                    walk.check();
                    next.push(walk);
                }
            }
        }
        front = next;
    }
    front.iter().for_each(Walk::check_replay);
    seen.len()
}

#[test]
fn a_parent_with_a_child() {
    let jobs = ["top retries processors", "kid parent=top forbid"];
    let seen = explore(&jobs, &["top retries"], 4);
    assert!(seen > 1000, "only {seen} states");
}

#[test]
fn an_ephemeral_job_with_processors() {
    let once = ["once ephemeral processors retries"];
    let seen = explore(&once, &["once", "kid parent=once"], 4);
    assert!(seen > 1000, "only {seen} states");
}

#[test]
fn an_ephemeral_job_for_longer() {
    let seen = explore(&["once ephemeral processors"], &[], 5);
    assert!(seen > 1000, "only {seen} states");
}

#[test]
fn a_job_whose_occurrences_wait() {
    let seen = explore(&["line queue retries"], &["line", "line replace"], 4);
    assert!(seen > 1000, "only {seen} states");
}

#[test]
fn a_job_whose_occurrences_replace_each_other() {
    let seen = explore(&["swap replace retries processors"], &["swap queue"], 4);
    assert!(seen > 1000, "only {seen} states");
}

#[test]
fn a_job_that_forbids_overlap() {
    let seen = explore(&["alone forbid retries"], &["alone forbid"], 5);
    assert!(seen > 1000, "only {seen} states");
}

#[test]
fn a_job_that_is_tried_again_when_it_is_lost() {
    let seen = explore(&["gone lost retries"], &[], 5);
    assert!(seen > 1000, "only {seen} states");
}
