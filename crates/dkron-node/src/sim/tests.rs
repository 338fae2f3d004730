//! Seeds. `DKRON_SIM_SEEDS` says how many, `DKRON_SIM_FROM` which comes first, and
//! `DKRON_SIM_TRACE` shows what happened in each.

use std::time::Instant;

use super::world::Plant;
use super::{Verdict, run};

/// Seeds when nobody says how many: some seconds.
const SMOKE: u64 = 3;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn told(verdict: &Verdict) -> String {
    let Verdict { seed, entries, starts, lives, violation, .. } = verdict;
    format!("seed {seed}: {entries} entries, {starts} starts, {lives} lives, {violation:?}")
}

#[test]
fn no_seed_breaks_a_rule() {
    let (count, from) = (number("DKRON_SIM_SEEDS"), number("DKRON_SIM_FROM").unwrap_or(0));
    let lines = std::env::var_os("DKRON_SIM_TRACE").is_some();
    let begun = Instant::now();
    let (mut entries, mut starts, mut broken) = (0, 0, Vec::new());
    for seed in from..from + count.unwrap_or(SMOKE) {
        let verdict = run(seed, Plant::Nothing, lines);
        (entries, starts) = (entries + verdict.entries, starts + verdict.starts);
        if lines {
            eprintln!("{}", verdict.lines);
        }
        if verdict.violation.is_some() {
            eprintln!("{}", told(&verdict));
            broken.push(seed);
        }
    }
    let took = begun.elapsed();
    eprintln!("{took:?}: {entries} entries, {starts} starts; broken: {broken:?}");
    assert!(broken.is_empty(), "seeds {broken:?} break a rule");
}

/// Without the runtime's own dice it can not be had: `cargo xtask sim --rung 2` has them.
#[cfg(tokio_unstable)]
#[test]
fn a_seed_gives_the_same_world_again() {
    for seed in 0..6 {
        let (one, other) = (run(seed, Plant::Nothing, true), run(seed, Plant::Nothing, true));
        let apart = one.lines.lines().zip(other.lines.lines()).find(|(one, other)| one != other);
        assert_eq!(apart, None, "seed {seed}");
        assert_eq!(one, other);
    }
}

/// What makes planted bugs do harm breaks nothing by itself.
#[test]
fn a_storm_breaks_no_rule() {
    let verdict = run(6, Plant::Storm, false);
    assert_eq!(verdict.violation, None, "{}", told(&verdict));
}

/// The net has no hole where these are: the bug, the first seed to look at, and the rules that it
/// may break. Consensus notices by itself that a follower lost what it acknowledged.
const PLANTS: [(Plant, u64, &[&str]); 3] = [
    (Plant::ForgottenJournal, 6, &["G3", "G7", "I2"]),
    (Plant::EarlyAcks, 7, &["panic", "log", "G1", "I6"]),
    (Plant::DeafRuns, 9, &["I2"]),
];

/// Without optimisation one has to do.
const FEW: usize = if cfg!(debug_assertions) { 1 } else { PLANTS.len() };

#[test]
fn planted_bugs_are_caught() {
    for (plant, from, rules) in &PLANTS[..FEW] {
        let breaks =
            |it: &Verdict| it.violation.as_ref().is_some_and(|it| rules.contains(&it.rule));
        let caught = (*from..60).map(|seed| run(seed, *plant, false)).find(breaks);
        let caught = caught.map(|verdict| told(&verdict));
        eprintln!("{plant:?}: {caught:?}");
        assert!(caught.is_some(), "{plant:?} breaks none of {rules:?}");
    }
}
