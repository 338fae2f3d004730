//! Who runs an occurrence: members that match its tags, the least loaded first.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::input::RosterMember;
use super::lateness::threshold;
use super::tags::{Wanted, Whom};
use crate::domain::{
    Concurrency, EndReason, NodeName, Nominal, Now, RetryNode, SkipReason, Target,
};
use crate::ledger::{Decision, JobState, Ledger, Place};

/// After taking office or a pause of its own, how long a slot waits for the sessions of matching
/// members.
const GRACE: Duration = Duration::from_secs(1);

/// The answer.
pub(super) enum Choice {
    Places(Vec<Place>),
    /// No member matches.
    Nobody,
    /// Those that match have no room, or their sessions are not open yet.
    Wait,
}

impl Conductor {
    pub(super) fn choose(
        &self,
        ledger: &Ledger,
        whom: Whom<'_>,
        nominal: Nominal,
        mono: Duration,
    ) -> Choice {
        let (job, wanted) = (whom.job, whom.wanted());
        let matching: Vec<&NodeName> = self.matching(ledger, &wanted);
        let limit = wanted.limit.unwrap_or(matching.len()).min(matching.len());
        if limit == 0 {
            return Choice::Nobody;
        }
        let seed = seed(job.name.as_str(), nominal);
        let mut ready = Vec::new();
        let mut parted = Vec::new();
        let mut silent = Vec::new();
        for name in matching {
            match self.sessions.eligible(name, mono) {
                Some(node) if node.parted => parted.push(node.target(name)),
                Some(node) => {
                    let load = self.load(ledger, name);
                    let room = (load as u64) < u64::from(node.capacity);
                    ready.push((!room, load, mix(seed, name.as_str()), name, node.target(name)));
                }
                None => silent.push(name),
            }
        }
        if self.may_yet_come(&silent, mono) {
            return Choice::Wait;
        }
        ready.sort_by(|a, b| (a.0, a.1, a.2, a.3).cmp(&(b.0, b.1, b.2, b.3)));
        let chosen = limit.min(ready.len());
        if ready[..chosen].iter().any(|(full, ..)| *full) {
            return Choice::Wait;
        }
        // Whose way broke may be back in a moment, which is better than a failure.
        let ready = ready.into_iter().map(|(.., target)| target);
        let targets = ready.chain(parted).take(limit);
        let run = |target| Place { target, born_failed: None };
        let mut places: Vec<Place> = targets.map(run).collect();
        let missing = limit - places.len();
        places.extend(silent.into_iter().take(missing).map(unreachable));
        Choice::Places(places)
    }

    /// Where the next attempt runs; none = it waits. `before` is the node of the last one.
    pub(super) fn choose_again(
        &self,
        ledger: &Ledger,
        whom: Whom<'_>,
        before: &NodeName,
        mono: Duration,
    ) -> Option<Place> {
        let (job, wanted) = (whom.job, whom.wanted());
        let mut matching = self.matching(ledger, &wanted);
        // One that left may still have a session.
        let there = self.roster.contains_key(before) && !ledger.is_drained(before);
        match job.policy().retry.node {
            RetryNode::Same => matching = there.then_some(before).into_iter().collect(),
            RetryNode::Any => self.least_loaded_first(ledger, &mut matching),
            RetryNode::Other if matching.iter().any(|name| *name != before) => {
                matching.retain(|name| *name != before);
                self.least_loaded_first(ledger, &mut matching);
            }
            RetryNode::Other | RetryNode::Prefer => {
                matching.retain(|name| *name != before);
                if there {
                    matching.insert(0, before);
                }
            }
        }
        if self.may_yet_come(&matching, mono) {
            return None;
        }
        let mut nodes = matching.into_iter().filter_map(|name| {
            let node = self.sessions.eligible(name, mono).filter(|node| !node.parted)?;
            let room = (self.load(ledger, name) as u64) < u64::from(node.capacity);
            room.then(|| Place { target: node.target(name), born_failed: None })
        });
        nodes.next()
    }

    fn least_loaded_first(&self, ledger: &Ledger, nodes: &mut [&NodeName]) {
        nodes.sort_by_key(|name| self.load(ledger, name));
    }

    /// Members that are meant and not drained, whether they can be reached or not.
    fn matching(&self, ledger: &Ledger, wanted: &Wanted<'_>) -> Vec<&NodeName> {
        let meant = self.meant(wanted);
        meant.filter(|name| !ledger.is_drained(name)).collect()
    }

    fn meant(&self, wanted: &Wanted<'_>) -> impl Iterator<Item = &NodeName> {
        let fits = |name: &NodeName, member: &RosterMember| {
            member.region == self.options.region && wanted.matches(name, &member.tags)
        };
        let roster: &BTreeMap<NodeName, RosterMember> = &self.roster;
        roster.iter().filter(move |(name, member)| fits(name, member)).map(|(name, _)| name)
    }

    /// Whether this leadership is so young, or was awake for so short a time, that one of these,
    /// alive and without a session, may just not have been heard yet.
    fn may_yet_come(&self, nodes: &[&NodeName], mono: Duration) -> bool {
        let young = mono < self.took_office_at.max(self.awake.since()) + GRACE;
        let alive = |name: &NodeName| self.roster.get(name).is_some_and(|member| member.alive);
        let missing = |name: &NodeName| alive(name) && self.sessions.eligible(name, mono).is_none();
        young && nodes.iter().any(|name| missing(name))
    }

    /// The slot is over, because nobody is meant.
    pub(super) fn nobody(&self, ledger: &Ledger, nominal: Nominal, whom: Whom<'_>) -> Decision {
        let reason = SkipReason::NoEligibleNode;
        let tags = whom.by_hand.and_then(|by_hand| by_hand.tags.as_ref()).unwrap_or(&whom.job.tags);
        let drained = self.meant(&whom.wanted()).any(|name| ledger.is_drained(name));
        let detail = if drained {
            String::from("all members that are meant are drained")
        } else if tags.is_empty() {
            String::from("no member is there")
        } else {
            format!("no member matches tags {tags:?}")
        };
        Decision::Skip { last: nominal, count: 1, reason, detail }
    }

    /// Live executions of a node, and those that are about to be.
    fn load(&self, ledger: &Ledger, node: &NodeName) -> usize {
        ledger.load_of(node) + self.given.get(node).copied().unwrap_or(0)
    }

    /// Whether every node that can be reached is full: then looking at each slot is idle.
    /// Without any such node the slots are looked at, since they need no room to fail.
    pub(super) fn is_full(&self, ledger: &Ledger, mono: Duration) -> bool {
        let reachable = |name| Some((name, self.sessions.eligible(name, mono)?));
        let open = self.roster.keys().filter(|name| !ledger.is_drained(name));
        let mut nodes = open.filter_map(reachable).peekable();
        let any = nodes.peek().is_some();
        any && nodes.all(|(name, node)| self.load(ledger, name) as u64 >= u64::from(node.capacity))
    }

    /// Whether the execution in the way of a slot may be over already: its end is on its way into
    /// the log, or the slot is late and the execution's node has yet to say what it knows.
    pub(super) fn may_be_over(
        &self,
        ledger: &Ledger,
        state: &JobState,
        nominal: Nominal,
        now: Now,
    ) -> bool {
        let job = &state.job;
        let holder = ledger.holder(job.name.as_str());
        let Some(holder) = holder.filter(|_| job.concurrency == Concurrency::Forbid) else {
            return false;
        };
        let due = state.jitter().due(nominal);
        let late = now.wall.since(due) > threshold(job, ledger.settings());
        let silent = self.sessions.get(&holder.node).is_none_or(|node| !node.open);
        self.ending.contains(&holder.seq) || (late && silent && ledger.live(holder.seq).is_some())
    }
}

/// A member that did not leave but can not be reached gets an execution that is born failed.
fn unreachable(name: &NodeName) -> Place {
    let (boot_id, journal_id) = Default::default();
    let target = Target { node: name.clone(), boot_id, journal_id };
    Place { target, born_failed: Some(EndReason::NodeUnreachable) }
}

/// Ties are broken by a number that follows from the occurrence: even, and the same each time.
fn seed(job: &str, nominal: Nominal) -> u64 {
    mix(nominal.0.secs() as u64 ^ u64::from(nominal.0.nanos()), job)
}

fn mix(seed: u64, text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, fold)
}
