//! The clock of this server beside those of the others. A leader that just took office compares
//! before it decides anything; one whose clock is wrong, as a majority sees it, hands over.

use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::{Action, Note};
use crate::domain::{NodeName, Now, limits};

/// A comparison holds for so long.
const FRESH: Duration = Duration::from_secs(3);
/// Without a comparison slots wait for so long after taking office.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to hand over.
const AGAIN: Duration = Duration::from_secs(2);
/// After a try to hand over no lease is extended for so long.
const QUIET: Duration = Duration::from_secs(1);
const SKEW: i64 = limits::CLOCK_SKEW.as_millis() as i64;

/// What is known of the other servers' clocks.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    /// Servers that vote, this one included.
    voters: usize,
    /// Their wall clocks minus this one's, in milliseconds.
    offsets: Vec<(NodeName, i64)>,
    at: Duration,
    /// A majority was compared since this server took office.
    done: bool,
    told_unknown: bool,
    told_apart: bool,
    told_wrong: bool,
    /// When it was last tried to hand over, and how often.
    handed_at: Option<Duration>,
    tries: usize,
}

impl Default for Compared {
    fn default() -> Self {
        Compared {
            voters: 1,
            offsets: Vec::new(),
            at: Duration::ZERO,
            done: false,
            told_unknown: false,
            told_apart: false,
            told_wrong: false,
            handed_at: None,
            tries: 0,
        }
    }
}

impl Compared {
    /// What stays when a leadership is over.
    pub fn between(&self) -> Self {
        let (offsets, at) = (self.offsets.clone(), self.at);
        Compared { voters: self.voters, offsets, at, ..Compared::default() }
    }

    /// A comparison; one in office may be the one that slots wait for.
    pub fn take(
        &mut self,
        voters: usize,
        offsets: Vec<(NodeName, i64)>,
        mono: Duration,
        in_office: bool,
    ) {
        self.voters = voters.max(1);
        self.done |= in_office && (1 + offsets.len()) * 2 > self.voters;
        (self.offsets, self.at) = (offsets, mono);
    }

    fn offsets(&self, mono: Duration) -> &[(NodeName, i64)] {
        let fresh = mono.saturating_sub(self.at) < FRESH;
        if fresh { &self.offsets } else { &[] }
    }

    /// Servers that agree with each other and not with this one, if they are more than half of
    /// those that were compared, this one included.
    fn others(&self, mono: Duration) -> &[(NodeName, i64)] {
        majority_without(self.offsets(mono))
    }

    /// Whether slots wait, because nothing was compared yet or this clock is wrong.
    pub fn holds(&self, mono: Duration, took_office_at: Duration) -> bool {
        let early = self.voters > 1 && !self.done && mono < took_office_at + PATIENCE;
        early || !self.others(mono).is_empty()
    }

    /// Whether leases are extended: not while leadership is being handed over.
    pub fn extends(&self, mono: Duration) -> bool {
        self.handed_at.is_none_or(|at| mono >= at + QUIET)
    }

    fn look(&mut self, mono: Duration, took_office_at: Duration, out: &mut Vec<Action>) {
        let unknown = self.voters > 1 && !self.done && mono >= took_office_at + PATIENCE;
        if unknown && !core::mem::replace(&mut self.told_unknown, true) {
            out.push(Action::Note(Note::ClocksUnknown));
        }
        let others = self.others(mono);
        if let Some((to, millis)) = others.get(self.tries % others.len().max(1)).cloned() {
            if self.handed_at.is_none_or(|at| mono >= at + AGAIN) {
                (self.handed_at, self.tries) = (Some(mono), self.tries + 1);
                if !core::mem::replace(&mut self.told_wrong, true) {
                    out.push(Action::Note(Note::ClockWrong { millis: -millis }));
                }
                out.push(Action::HandOver { to });
            }
            return;
        }
        let furthest = self.offsets(mono).iter().max_by_key(|(_, millis)| millis.unsigned_abs());
        let apart = furthest.filter(|(_, millis)| millis.unsigned_abs() > SKEW as u64).cloned();
        if let Some((node, millis)) = apart.filter(|_| !self.told_apart) {
            self.told_apart = true;
            out.push(Action::Note(Note::ClocksApart { node, millis }));
        }
    }
}

/// A stretch of the list, which is in the order of the offsets.
fn majority_without(offsets: &[(NodeName, i64)]) -> &[(NodeName, i64)] {
    let mut best: &[(NodeName, i64)] = &[];
    for first in 0..offsets.len() {
        let least = offsets[first].1;
        let agree = |(_, millis): &&(NodeName, i64)| millis.saturating_sub(least) <= SKEW;
        let group = &offsets[first..first + offsets[first..].iter().take_while(agree).count()];
        let apart = group.iter().all(|(_, millis)| millis.unsigned_abs() > SKEW as u64);
        if apart && group.len() > best.len() {
            best = group;
        }
    }
    if best.len() * 2 > offsets.len() + 1 { best } else { &[] }
}

impl Conductor {
    /// Other servers' clocks, just compared.
    pub(super) fn clocks(&mut self, now: Now, voters: usize, mut offsets: Vec<(NodeName, i64)>) {
        offsets.retain(|(name, _)| *name != self.options.server);
        offsets.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
        self.compared.take(voters, offsets, now.mono, self.tenure.is_some());
    }

    pub(super) fn look_at_clocks(&mut self, now: Now, out: &mut Vec<Action>) {
        self.compared.look(now.mono, self.took_office_at, out);
    }

    /// Whether no slot of any job is decided now.
    pub(super) fn is_held(&self, now: Now) -> bool {
        let stepped = self.clock.held(now.mono).is_some();
        stepped || self.compared.holds(now.mono, self.took_office_at)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn outvoted(offsets: &[i64]) -> usize {
        let mut offsets: Vec<(NodeName, i64)> =
            offsets.iter().map(|one| (one.to_string().into(), *one)).collect();
        offsets.sort_by_key(|(_, millis)| *millis);
        majority_without(&offsets).len()
    }

    #[test]
    fn only_more_than_half_that_agree_with_each_other_outvote() {
        assert_eq!(outvoted(&[]), 0);
        assert_eq!(outvoted(&[90_000]), 0, "one against one");
        assert_eq!(outvoted(&[90_000, 90_900]), 2);
        assert_eq!(outvoted(&[-90_900, -90_000]), 2);
        assert_eq!(outvoted(&[90_000, 91_001]), 0, "they do not agree");
        assert_eq!(outvoted(&[1_000, 1_900]), 0, "one of them agrees with this one");
        assert_eq!(outvoted(&[1_001, 1_900]), 2);
        assert_eq!(outvoted(&[-5_000, 5_000]), 0);
        assert_eq!(outvoted(&[0, 5_000, 5_100, 5_200]), 3);
        assert_eq!(outvoted(&[0, 100, 5_100, 5_200]), 0);
        assert_eq!(outvoted(&[5_000, 5_100, 5_900, 6_100]), 3, "those within a second");
        assert_eq!(outvoted(&[i64::MIN, i64::MAX, 7]), 0);
    }
}
