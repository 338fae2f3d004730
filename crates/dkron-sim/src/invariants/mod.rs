//! What must hold, one file each. They see every committed entry with its outcome, every start and
//! end of a fake execution, every answer, and the end of the world.

pub mod answers;
pub mod attempts;
pub mod chains;
pub mod clocks;
pub mod counters;
pub mod coverage;
pub mod graph;
pub mod history;
pub mod late;
pub mod overlap;
pub mod pauses;
pub mod places;
pub mod replicas;
pub mod rollups;
pub mod schedule_model;
pub mod slots;
pub mod starts;
pub mod truth;
pub mod turns;

use dkron_core::ledger::{Entry, Ledger, Outcome};

/// One committed entry and what it caused.
#[derive(Clone, Copy)]
pub struct Commit<'a> {
    pub entry: &'a Entry,
    pub outcome: &'a Outcome,
    /// The replica that never crashes, after the entry.
    pub ledger: &'a Ledger,
}

/// A rule that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Its short name, as scenarios and guarantees have it.
    pub rule: &'static str,
    pub text: String,
}

pub type Check = Result<(), Violation>;

pub fn require(holds: bool, rule: &'static str, text: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Violation { rule, text: text() }) }
}
