//! The replicated log as a model: a leader's log is copied to the other servers' disks; what a
//! majority of them holds is committed and stays for ever. Elections are held by a referee who
//! sees everything, but only a log that a majority grants may lead, as in the real one; messages,
//! crashes and cuts do the rest. Terms stay in here, as they stay below the shell in the product.

use core::time::Duration;
use std::sync::Arc;

use dkron_core::conductor::{Fate, Input};
use dkron_core::ledger::Command;

use crate::invariants::{Violation, require};
use crate::log::{Log, Slot, entry};
use crate::machine::{At, Brain, Incoming, Lead};
use crate::queue::{Event, Local};
use crate::sabotage::Sabotage;
use crate::world::{Stop, World};

/// A leader may act for so long after it sent what a majority acknowledged.
const LEASE: Duration = Duration::from_millis(500);
/// How often it says that it is there, in milliseconds.
const PULSE: u64 = 120;
/// Slots in one message.
const SLOTS: usize = 300;

/// What a leader sends to another server.
#[derive(Clone, Debug)]
pub struct Append {
    pub from: At,
    pub term: u64,
    /// The slots follow behind so many others, the last of which is of that term.
    pub len: usize,
    pub before: u64,
    pub slots: Vec<Slot>,
    pub commit: usize,
    pub sent: Duration,
}

impl World {
    fn majority(&self) -> usize {
        self.plan.servers / 2 + 1
    }

    pub fn log(&mut self, at: At) -> &mut Log {
        &mut self.machines[at].server.as_mut().expect("a server").log
    }

    fn log_of(&self, at: At) -> &Log {
        &self.machines[at].server.as_ref().expect("a server").log
    }

    fn lead(&self, at: At) -> Option<&Lead> {
        self.brain_of(at)?.lead.as_ref()
    }

    /// Proposals whose time has come get into the log of a leader.
    pub fn enter(&mut self, at: At) {
        let now = self.now;
        let Some(brain) = self.brain(at) else { return };
        let (life, term) = (brain.life, brain.lead.as_ref().map(|lead| lead.term));
        while let Some(proposal) = self.brain(at).and_then(|brain| brain.lanes.pop(now)) {
            match term {
                Some(term) => {
                    let proposal = Some(Arc::new(proposal));
                    self.log(at).slots.push(Slot { term, proposal });
                }
                None => {
                    let (ticket, fate) = (proposal.ticket, Box::new(Fate::NotLeader));
                    self.later(0, 5, Event::Life(at, life, Local::Fate { ticket, fate }));
                }
            }
        }
        if let Some(term) = term {
            let len = self.log(at).slots.len();
            let most = self.plan.commit_millis;
            let stalled = self.log_stalled_until;
            let due = (now + self.dice.millis(0, most)).max(stalled);
            self.queue.push(due, Event::Life(at, life, Local::Synced { term, len }));
        }
    }

    pub fn synced(&mut self, at: At, term: u64, len: usize) -> Result<(), Stop> {
        if self.lead(at).is_some_and(|lead| lead.term == term) {
            let log = self.log(at);
            log.durable = log.durable.max(len);
            self.advance(at)?;
            self.replicate(at);
        }
        Ok(())
    }

    pub fn pulse(&mut self, at: At, term: u64) {
        let Some(life) = self.brain_of(at).map(|brain| brain.life) else { return };
        if self.lead(at).is_some_and(|lead| lead.term == term) {
            self.replicate(at);
            self.later(PULSE, PULSE, Event::Life(at, life, Local::Pulse { term }));
            // The end of the lease comes without any message.
            self.wake(at, self.now);
        }
    }

    /// Sends every other server what it lacks.
    fn replicate(&mut self, from: At) {
        let now = self.now;
        if now < self.log_stalled_until {
            return;
        }
        let Some(brain) = self.brain_of(from) else { return };
        let (commit, term) = (brain.commit, brain.lead.as_ref().map_or(0, |lead| lead.term));
        for to in (0..self.plan.servers).filter(|to| *to != from) {
            let (own, theirs) = (self.log_of(from), self.log_of(to));
            let len = own.shared(theirs);
            let slots = own.slots[len..].iter().take(SLOTS).cloned().collect();
            let before = own.term_before(len);
            let append = Append { from, term, len, before, slots, commit, sent: now };
            self.carry(from, to, Local::Append(Box::new(append)));
        }
    }

    /// A message from server to server.
    fn carry(&mut self, from: At, to: At, what: Local) {
        let (dice, plan) = (&mut self.dice, &self.plan);
        for at in self.network.deliveries(from, to, self.now, dice, plan) {
            self.queue.push(at, Event::Here(to, what.clone()));
        }
    }

    pub fn append(&mut self, at: At, append: Append) -> Result<(), Stop> {
        let Append { from, term, len, before, slots, commit, sent } = append;
        if self.brain(at).is_none() || !self.network.passes(from, at, self.now) {
            return Ok(());
        }
        let promised = self.log(at).promised;
        if term < promised {
            self.carry(at, from, Local::Outvoted { term: promised });
            return Ok(());
        }
        if self.lead(at).is_some_and(|lead| lead.term < term) {
            self.step_down(at);
        }
        let log = self.log(at);
        log.promised = term;
        if !log.take(len, before, &slots) {
            return Ok(());
        }
        let len = len + slots.len();
        let Some(brain) = self.brain(at) else { return Ok(()) };
        let known = commit.min(len);
        if known > brain.commit {
            brain.commit = known;
            self.wake(at, self.now);
        }
        self.carry(at, from, Local::Acked { by: at, term, len, sent });
        Ok(())
    }

    pub fn acked(
        &mut self,
        at: At,
        by: At,
        term: u64,
        len: usize,
        sent: Duration,
    ) -> Result<(), Stop> {
        // A server that lost its disk counts again once it holds all that is committed; a leader
        // whose time is over could not make anybody agree to that.
        let commit = self.brain_of(at).map_or(0, |brain| brain.commit);
        let up = self.log_of(at).shared(self.log_of(by));
        let Some(lead) = self.brain(at).and_then(|brain| brain.lead.as_mut()) else {
            return Ok(());
        };
        if lead.term != term {
            return Ok(());
        }
        let acked = lead.acked.entry(by).or_default();
        *acked = sent.max(*acked);
        let matched = lead.matched.entry(by).or_default();
        // What was lost with a disk is not held any more.
        *matched = len.max(*matched).min(up);
        let latest = term == self.term;
        if latest && !self.log(by).voter && up >= commit.max(self.committed.len()) {
            self.say(by, || "counts for majorities again".into());
            let log = self.log(by);
            (log.voter, log.since, log.promised) = (true, term, term);
        }
        if self.brain_of(at).is_some_and(|brain| brain.elected.is_none()) {
            self.wake(at, self.now);
        }
        self.advance(at)
    }

    pub fn outvoted(&mut self, at: At, term: u64) {
        if self.lead(at).is_some_and(|lead| lead.term < term) {
            self.step_down(at);
        }
    }

    /// What a majority's disks hold is committed.
    fn advance(&mut self, at: At) -> Result<(), Stop> {
        let majority = self.majority();
        let (Some(brain), Some(lead)) = (self.brain_of(at), self.lead(at)) else { return Ok(()) };
        let own = self.log_of(at);
        let voters = (0..self.plan.servers).filter(|other| self.log_of(*other).counts(lead.term));
        let held = voters.map(|other| match other == at {
            true => own.durable,
            false => lead.matched.get(&other).copied().unwrap_or(0),
        });
        let mut held: Vec<usize> = held.collect();
        held.sort_unstable_by(|a, b| b.cmp(a));
        let Some(len) = held.get(majority - 1).copied() else { return Ok(()) };
        if len <= brain.commit || own.term_before(len) != lead.term {
            return Ok(());
        }
        let (from, slots) = (brain.commit, own.slots[brain.commit..len].to_vec());
        for (at, slot) in slots.into_iter().enumerate() {
            self.commit(from + at, slot)?;
        }
        if let Some(brain) = self.brain(at) {
            brain.commit = len;
        }
        self.wake(at, self.now);
        Ok(())
    }

    /// A slot is in the log for ever; a later leader may say so again.
    fn commit(&mut self, at: usize, slot: Slot) -> Result<(), Violation> {
        if let Some(known) = self.committed.get(at) {
            return require(known.term == slot.term, "log", || {
                format!("position {at} is committed twice: {known:?}, {slot:?}")
            });
        }
        if let Some(proposal) = &slot.proposal {
            let entry = entry(at + 1, proposal);
            self.trace.say(|| format!("       entry {entry:?}"));
            if let Command::RaiseVersion(raise) = &entry.command {
                self.may_raise(raise.version)?;
            }
            self.oracle.committed(&entry, self.sabotage)?;
            self.trace.mix(self.oracle.ledger.state_hash());
        }
        self.committed.push(slot);
        Ok(())
    }

    /// Hands the ledger what is committed and on this server's own disk.
    pub fn feed(&self, brain: &mut Brain) {
        let log = self.log_of(brain.at);
        let until = brain.commit.min(log.durable);
        while brain.applied < until {
            if let Some(proposal) = &log.slots[brain.applied].proposal {
                let entry = Box::new(entry(brain.applied + 1, proposal));
                brain.inbox.push_back(Incoming::Entry(entry));
            }
            brain.applied += 1;
        }
    }

    /// Tells the conductor what it may know of its leadership; a stale leader may learn late.
    pub fn look_at_leadership(&self, brain: &mut Brain) {
        let now = self.now;
        let term = brain.lead.as_ref().filter(|lead| self.leases(brain.at, lead));
        let term = term.filter(|_| now >= brain.flapped_until).map(|lead| lead.term);
        if self.sabotage == Sabotage::IgnoreLease && brain.elected.is_some() && term.is_none() {
            return;
        }
        if let Some(elected) = brain.elected
            && term != Some(elected)
        {
            let since = *brain.over_since.get_or_insert(now);
            if now < since + self.plan.blind && term.is_none() {
                return;
            }
            brain.elected = None;
            brain.inbox.push_front(Incoming::Input(Box::new(Input::Deposed)));
        }
        brain.over_since = None;
        if let Some(term) = term.filter(|_| brain.elected.is_none()) {
            brain.elected = Some(term);
            brain.inbox.push_back(Incoming::Input(Box::new(Input::Elected)));
        }
    }

    fn leases(&self, at: At, lead: &Lead) -> bool {
        let voters = (0..self.plan.servers).filter(|other| self.log_of(*other).counts(lead.term));
        let fresh = voters.filter(|other| {
            let acked = lead.acked.get(other).copied().unwrap_or_default();
            *other == at || (acked > Duration::ZERO && self.now < acked + LEASE)
        });
        fresh.count() >= self.majority()
    }

    /// The leadership is over: nobody knows what becomes of what is on its way.
    pub fn step_down(&mut self, at: At) {
        let Some(brain) = self.brain(at) else { return };
        brain.lead = None;
        let (life, commit) = (brain.life, brain.commit);
        self.say(at, || "steps down".into());
        let open = self.log(at).slots.get(commit..).unwrap_or_default().to_vec();
        let own = open.into_iter().filter_map(|slot| slot.proposal);
        for proposal in own.filter(|proposal| proposal.life == life) {
            let (ticket, fate) = (proposal.ticket, Box::new(Fate::Unknown));
            self.later(0, 1_000, Event::Life(at, life, Local::Fate { ticket, fate }));
        }
        self.wake(at, self.now);
    }

    /// Whether a leader of the present leadership has its majority.
    fn is_led(&self) -> bool {
        let leads = |at: &At| self.lead(*at).is_some_and(|lead| lead.term == self.term);
        let leader = (0..self.plan.servers).find(leads);
        leader.is_some_and(|at| self.reached(at).len() >= self.majority())
    }

    /// Servers that count and can talk with this one, itself included.
    fn reached(&self, at: At) -> Vec<At> {
        let now = self.now;
        let up = |other: At| {
            let machine = &self.machines[other];
            machine.process.is_some() && machine.frozen_until <= now && self.log_of(other).voter
        };
        if !up(at) {
            return Vec::new();
        }
        let others = 0..self.plan.servers;
        others.filter(|other| up(*other) && self.network.passes_both(at, *other, now)).collect()
    }

    /// A look from outside: without a leader for long enough there is an election.
    pub fn referee(&mut self) {
        if self.is_led() {
            self.leaderless = None;
        } else {
            let wait = Duration::from_millis(self.dice.between(1_000, 2_500));
            let at = *self.leaderless.get_or_insert(self.now + wait);
            let first = self.term == 0;
            if first || self.now >= at {
                self.elect();
            }
        }
        self.later(100, 200, Event::Referee);
    }

    /// Somebody whom a majority grants it leads.
    pub fn elect(&mut self) {
        let grants = |candidate: At| {
            let rank = self.log_of(candidate).rank();
            let voters = self.reached(candidate).into_iter();
            voters.filter(|voter| self.log_of(*voter).rank() <= rank).collect::<Vec<At>>()
        };
        let candidates = (0..self.plan.servers).map(|at| (at, grants(at)));
        let mut candidates: Vec<(At, Vec<At>)> =
            candidates.filter(|(_, grants)| grants.len() >= self.majority()).collect();
        if candidates.is_empty() {
            return;
        }
        let drawn = self.dice.below(candidates.len() as u64) as usize;
        let (at, grants) = candidates.swap_remove(drawn);
        self.begin_term(at, grants);
    }

    fn begin_term(&mut self, at: At, grants: Vec<At>) {
        self.term += 1;
        self.leaderless = None;
        let term = self.term;
        self.say(at, || format!("elected, leadership {term}, by {grants:?}"));
        self.oracle.coverage.count("elections");
        for voter in grants {
            if self.lead(voter).is_some() {
                self.step_down(voter);
            }
            self.log(voter).promised = term;
        }
        let log = self.log(at);
        log.slots.truncate(log.durable);
        log.slots.push(Slot { term, proposal: None });
        let len = log.slots.len();
        let Some(brain) = self.brain(at) else { return };
        let life = brain.life;
        brain.lead = Some(Lead { term, matched: Default::default(), acked: Default::default() });
        self.later(0, 1, Event::Life(at, life, Local::Pulse { term }));
        self.later(0, 5, Event::Life(at, life, Local::Synced { term, len }));
    }

    /// A leader hands over to that server, if a majority lets it lead.
    pub fn hand_over(&mut self, from: At, to: At) {
        if self.lead(from).is_none() {
            return;
        }
        let rank = self.log_of(to).rank();
        let voters = self.reached(to).into_iter();
        let grants: Vec<At> = voters.filter(|voter| self.log_of(*voter).rank() <= rank).collect();
        self.oracle.coverage.count("hands over");
        if grants.len() >= self.majority() {
            self.step_down(from);
            self.begin_term(to, grants);
        }
    }

    /// A leader hands over although nothing is wrong with it.
    pub fn coup(&mut self) {
        let Some(at) = (0..self.plan.servers).find(|at| self.lead(*at).is_some()) else { return };
        if self.plan.servers > 1 {
            self.step_down(at);
            self.elect();
        }
    }
}
