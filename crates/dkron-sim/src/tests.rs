//! The net itself: a seed is one world, bugs put in on purpose are caught, old ones stay away.

use std::collections::BTreeSet;

use crate::{Sabotage, run};

/// Seeds of this test; the binary lives through many more.
const SEEDS: u64 = 800;

#[test]
fn worlds_hold() {
    let mut came_to_pass = BTreeSet::new();
    for seed in 0..SEEDS {
        let verdict = run(seed, Sabotage::Nothing, false);
        assert_eq!(verdict.violation, None, "seed {seed}");
        came_to_pass.extend(verdict.coverage.into_keys());
    }
    // Rules over nothing prove nothing.
    for what in [
        "crash power=false",
        "crash power=true",
        "deposed",
        "end lost forgotten",
        "end lost gone",
        "end lost silent",
        "fire child runs",
        "fire manual rejected",
        "fire retry runs",
        "fire schedule void",
        "kill",
        "note ClockStep",
        "rejected Stale",
        "skip changed",
        "skip missed",
        "skip overlap",
    ] {
        assert!(came_to_pass.contains(what), "no world had: {what}");
    }
}

/// Seeds that failed once, each with the bug that it found.
#[test]
fn old_bugs_stay_away() {
    for line in include_str!("../seeds.txt").lines().filter(|line| !line.starts_with('#')) {
        let seed = line.split_whitespace().next().expect("a number stands first");
        let verdict = run(seed.parse().expect("a number"), Sabotage::Nothing, false);
        assert_eq!(verdict.violation, None, "{line}");
    }
}

#[test]
fn a_seed_is_one_world() {
    for seed in 0..20 {
        let (one, other) =
            (run(seed, Sabotage::Nothing, false), run(seed, Sabotage::Nothing, true));
        assert_eq!((one.hash, one.entries, one.starts), (other.hash, other.entries, other.starts));
        assert!(!other.lines.is_empty());
    }
    let hashes: BTreeSet<u64> =
        (0..20).map(|seed| run(seed, Sabotage::Nothing, false).hash).collect();
    assert_eq!(hashes.len(), 20, "seeds differ from each other");
}

/// Whether a planted bug breaks that rule within a few seeds.
fn breaks(sabotage: Sabotage, rule: &str) -> bool {
    let mut verdicts = (0..100).map(|seed| run(seed, sabotage, false));
    verdicts.any(|verdict| verdict.violation.is_some_and(|broken| broken.rule == rule))
}

#[test]
fn planted_bugs_are_caught() {
    for (sabotage, rule) in [
        (Sabotage::DropReport, "liveness"),
        (Sabotage::DoubleStart, "G3"),
        (Sabotage::SkipSlot, "I1"),
        (Sabotage::ForgetJournal, "G3"),
        (Sabotage::MissEntry, "I6"),
        (Sabotage::DropChild, "liveness"),
    ] {
        assert!(breaks(sabotage, rule), "{sabotage:?} does not break {rule}");
    }
}
