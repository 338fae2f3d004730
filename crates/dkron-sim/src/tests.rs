//! The net itself: a seed is one world, bugs put in on purpose are caught, old ones stay away.

use crate::{Sabotage, run};

/// Seeds of this test; the binary lives through many more.
const SEEDS: u64 = 300;

#[test]
fn worlds_hold() {
    for seed in 0..SEEDS {
        let verdict = run(seed, Sabotage::Nothing, false);
        assert_eq!(verdict.violation, None, "seed {seed}");
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
    let hashes: std::collections::BTreeSet<u64> =
        (0..20).map(|seed| run(seed, Sabotage::Nothing, false).hash).collect();
    assert_eq!(hashes.len(), 20, "seeds differ from each other");
}

/// The rules that a planted bug breaks within a few seeds.
fn caught(sabotage: Sabotage) -> Vec<&'static str> {
    let verdicts = (0..40).map(|seed| run(seed, sabotage, false));
    let mut rules: Vec<_> =
        verdicts.filter_map(|verdict| verdict.violation).map(|broken| broken.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
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
        let rules = caught(sabotage);
        assert!(rules.contains(&rule), "{sabotage:?} breaks {rules:?}, not {rule}");
    }
}
