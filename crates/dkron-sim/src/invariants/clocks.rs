//! Clocks: a leader that just took office decides no slot before a majority was compared, or five
//! seconds are over; and none while more than half of the compared clocks agree with each other
//! and not with its own. Computed here by looking at every pair, not as the conductor does it.

use core::time::Duration;

use dkron_core::domain::NodeName;

use super::{Check, require};

const FRESH: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(5);
const SKEW: i64 = 1_000;

/// What one server was told of the others' clocks.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    voters: usize,
    offsets: Vec<i64>,
    at: Duration,
    office_at: Option<Duration>,
    majority_seen: bool,
}

impl Clocks {
    pub fn compared(&mut self, voters: usize, offsets: &[(NodeName, i64)], mono: Duration) {
        self.voters = voters;
        self.offsets = offsets.iter().map(|(_, millis)| *millis).collect();
        self.at = mono;
        self.majority_seen |= self.office_at.is_some() && 2 * (offsets.len() + 1) > voters;
    }

    pub fn took_office(&mut self, mono: Duration) {
        (self.office_at, self.majority_seen) = (Some(mono), false);
    }

    pub fn deposed(&mut self) {
        (self.office_at, self.majority_seen) = (None, false);
    }

    /// Scheduled slots may be decided now.
    pub fn may_decide(&self, mono: Duration) -> Check {
        let since = self.office_at.map(|at| mono.saturating_sub(at));
        let waited = since.is_none_or(|since| since >= PATIENCE);
        require(self.voters < 2 || self.majority_seen || waited, "clocks", || {
            format!("slots decided {since:?} after taking office, no clock compared")
        })?;
        let fresh = mono.saturating_sub(self.at) < FRESH;
        let outvoted = fresh && self.offsets.iter().any(|one| self.outvoted_by(*one));
        require(!outvoted, "clocks", || {
            format!("slots decided although the others' clocks are {:?} ahead", self.offsets)
        })
    }

    /// Whether those that agree with this one, the earliest of them, are more than half and far.
    fn outvoted_by(&self, earliest: i64) -> bool {
        let with = self.offsets.iter().filter(|one| (0..=SKEW).contains(&(**one - earliest)));
        let with: Vec<i64> = with.copied().collect();
        with.iter().all(|one| one.abs() > SKEW) && 2 * with.len() > self.offsets.len() + 1
    }
}
