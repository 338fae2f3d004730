//! A ledger that is walked from command to command, with everything that must hold after each:
//! shared by the explorer and the random sequences.

#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]

mod moves;

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::stats::Span;
use dkron_core::domain::{HistoryNo, JobNo, LogIndex, Nominal, State, Tenure, Timestamp};
use dkron_core::ledger::{
    Command, Effect, Entry, Fire, Fired, Ledger, Outcome, Phase, Reply, Row, RowKey, RowOp,
    Trigger, outstanding,
};

pub use moves::{Move, drain, entry_moves, live, report, scheduling};

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;

/// A ledger with its store and a count of what it should have counted.
#[derive(Clone, Default)]
pub struct Walk {
    pub ledger: Ledger,
    /// The ledger's state hash after the last entry.
    pub hash: u64,
    store: BTreeMap<RowKey, Row>,
    /// Keys that the store ever held.
    ever: BTreeSet<RowKey>,
    /// Ends by job since its figures were reset: successes, others.
    ends: BTreeMap<JobNo, (u64, u64)>,
    /// Slots that were decided.
    decided: BTreeSet<(JobNo, Nominal)>,
    log: Vec<Entry>,
}

impl Walk {
    /// A leadership, and the jobs in the order of their putting.
    pub fn new(jobs: &[&str]) -> Self {
        let mut walk = Walk::default();
        walk.take(&Move::office());
        for job in jobs {
            walk.take(&Move::put(&walk.ledger, job));
        }
        walk
    }

    /// The clock of the next entry: a minute for each.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_secs(START + 60 * self.ledger.applied().0 as i64)
    }

    /// Applies one command on two replicas and checks everything that must hold.
    pub fn take(&mut self, step: &Move) -> Reply {
        let mut twin = self.ledger.clone();
        let reply = self.apply(step);
        let entry = self.log.last().expect("the entry that was applied").clone();
        assert_eq!(twin.apply(entry).reply, reply, "two replicas answer alike");
        assert_eq!(twin.state_hash(), self.hash, "two replicas are alike");
        self.check();
        reply
    }

    /// Applies one command and checks what follows from the step alone.
    pub fn apply(&mut self, step: &Move) -> Reply {
        let index = LogIndex(self.ledger.applied().0 + 1);
        let tenure = if step.by_conductor { self.ledger.tenure() } else { Tenure(0) };
        let entry = Entry {
            index,
            at: self.now(),
            tenure: step.tenure.unwrap_or(tenure),
            request: step.request,
            command: step.command.clone(),
        };
        let before = outstanding(&self.ledger);
        let turns = matches!(&entry.command, Command::Fire(fires) if fires.iter().any(is_turn));
        let as_it_was = turns.then(|| self.ledger.clone());
        let outcome = self.ledger.apply(entry.clone());
        if let Some(as_it_was) = as_it_was {
            self.check_turns(&entry.command, &as_it_was, &outcome.reply);
        }
        self.hash = self.ledger.state_hash();
        self.check_effects(&before, &outcome);
        self.write(&outcome);
        self.count(&entry.command, &outcome);
        self.check_decided(&entry.command, &outcome.reply);
        self.log.push(entry);
        outcome.reply
    }

    /// Checks what must hold in every state.
    pub fn check(&self) {
        self.check_rows();
        self.check_counts();
        self.check_slots();
        self.check_queues();
    }

    /// The same log gives the same ledger.
    pub fn check_replay(&self) {
        let mut again = Ledger::default();
        for entry in &self.log {
            again.apply(entry.clone());
        }
        assert_eq!(again.state_hash(), self.hash, "a replay tells the same");
    }

    /// Effects are hints: what is new in `outstanding` was announced, and nothing else but what
    /// the same entry settled again.
    fn check_effects(&self, before: &BTreeSet<Effect>, outcome: &Outcome) {
        let after = outstanding(&self.ledger);
        let said: BTreeSet<Effect> = outcome.effects.iter().cloned().collect();
        assert_eq!(said.len(), outcome.effects.len(), "an effect is said once");
        let new: BTreeSet<Effect> = after.difference(before).cloned().collect();
        let unsaid: Vec<_> = new.difference(&said).collect();
        assert!(unsaid.is_empty(), "nobody was told of {unsaid:?}");
        let idle: Vec<_> = said.intersection(before).collect();
        assert!(idle.is_empty(), "was owed already: {idle:?}");
    }

    fn write(&mut self, outcome: &Outcome) {
        for op in outcome.rows.iter().cloned() {
            match op {
                RowOp::Put(row) => {
                    self.ever.insert(row.key());
                    self.store.insert(row.key(), row);
                }
                RowOp::PutNew(row) => {
                    assert!(self.ever.insert(row.key()), "{:?} is not new", row.key());
                    self.store.insert(row.key(), row);
                }
                RowOp::Delete(key) => drop(self.store.remove(&key)),
            }
        }
    }

    /// The rows are the ledger, and the indexes follow from it.
    fn check_rows(&self) {
        assert!(self.ledger.is_consistent(), "the indexes differ from the state");
        let loaded = Ledger::load(self.ledger.applied(), self.store.values().cloned());
        let loaded = loaded.expect("the rows make a ledger");
        assert_eq!(loaded.state_hash(), self.hash, "the rows tell another story");
        for key in self.store.keys() {
            let kept = match key {
                RowKey::History(job_no, no) => {
                    let state = self.ledger.job_no(*job_no);
                    let own = state.is_some_and(|state| state.runtime.first_no <= *no);
                    let owed = |(of, first, end)| of == *job_no && first <= *no && *no < end;
                    own || self.ledger.expiring().any(owed)
                }
                RowKey::Late(job_no, no) => self.store.contains_key(&RowKey::History(*job_no, *no)),
                RowKey::LateMark(job_no) => {
                    let newest = self.ledger.newest_late(*job_no).expect("a mark of the ledger");
                    let until = RowKey::History(*job_no, newest);
                    let first = RowKey::History(*job_no, HistoryNo(0));
                    self.store.range(first..=until).next().is_some()
                }
                RowKey::Skipped(job_no, no) => {
                    let state = self.ledger.job_no(*job_no);
                    state.is_some_and(|state| state.runtime.first_skip <= *no)
                }
                RowKey::Bucket(key) if key.span != Span::Minute => {
                    let state = self.ledger.job_no(JobNo(key.of));
                    state.is_some_and(|state| !state.runtime.deleted)
                }
                _ => true,
            };
            assert!(kept, "{key:?} stays for ever");
        }
    }

    fn count(&mut self, command: &Command, outcome: &Outcome) {
        for op in &outcome.rows {
            if let RowOp::PutNew(Row::History { record, .. }) = op {
                let ends = self.ends.entry(record.job_no).or_default();
                match record.finish.state {
                    State::Success => ends.0 += 1,
                    _ => ends.1 += 1,
                }
            }
        }
        if let (Command::ClearExecutions(_), Reply::Job(job)) = (command, &outcome.reply) {
            self.ends.remove(&job.job_no);
        }
    }

    /// No slot is decided twice, whatever comes again.
    fn check_decided(&mut self, command: &Command, reply: &Reply) {
        let (Command::Fire(fires), Reply::Fired(fired)) = (command, reply) else { return };
        for (fire, fired) in fires.iter().zip(fired) {
            let decided = matches!(fired, Fired::Run { .. } | Fired::Skipped | Fired::Queued(_));
            if decided && fire.trigger == Trigger::Schedule {
                let new = self.decided.insert((fire.job_no, fire.nominal));
                assert!(new, "the slot {:?} is decided twice", fire.nominal);
            }
        }
    }

    /// The last entry that decided occurrences, to come again.
    pub fn last_fire(&self) -> Option<Command> {
        let fires = |entry: &&Entry| matches!(entry.command, Command::Fire(_));
        self.log.last().filter(fires).map(|entry| entry.command.clone())
    }

    /// Every end counts once, in one counter.
    fn check_counts(&self) {
        for state in self.ledger.jobs() {
            let counted = (state.runtime.success_count, state.runtime.error_count);
            let ends = self.ends.get(&state.job_no).copied().unwrap_or_default();
            assert_eq!(counted, ends, "figures of {}", state.job.name);
        }
    }

    /// Of the groups under a name one at most was fired by a definition that keeps others out.
    fn check_slots(&self) {
        let mut held = BTreeSet::new();
        for live in self.ledger.groups() {
            let job = self.ledger.definition(live.job_no, live.version).expect("a definition");
            if job.concurrency.is_exclusive() {
                assert!(held.insert(job.name.clone()), "{} holds two slots", job.name);
            }
            for slot in live.slots.iter().filter(|slot| slot.cancel.is_some()) {
                let waits = matches!(slot.phase, Phase::Waiting { .. });
                assert!(!waits, "{} was cancelled and waits for another attempt", slot.seq);
            }
        }
    }

    /// What waits belongs to a job that is there, and is not too much.
    fn check_queues(&self) {
        let mut waiting: BTreeMap<JobNo, usize> = BTreeMap::new();
        for (_, job_no, no) in self.ledger.queue_ends() {
            let state = self.ledger.job_no(job_no).expect("the job of what waits");
            let stays = !state.runtime.deleted && !state.runtime.leaving;
            assert!(stays, "{no} waits for a job that is gone");
            *waiting.entry(job_no).or_default() += 1;
        }
        let most = waiting.into_values().max().unwrap_or_default();
        assert!(most <= moves::DEPTH as usize, "{most} wait");
    }

    /// Nobody takes a turn before the first, and nobody while the name is held.
    fn check_turns(&self, command: &Command, before: &Ledger, reply: &Reply) {
        let (Command::Fire(fires), Reply::Fired(fired)) = (command, reply) else { return };
        for (fire, fired) in fires.iter().zip(fired) {
            if let (Trigger::Queued(no), Fired::Run { .. }) = (&fire.trigger, fired) {
                let first = before.queue(fire.job_no).next().map(|(first, _)| first);
                assert_eq!(first, Some(*no), "the first in the queue runs first");
                let name = &before.job_no(fire.job_no).expect("its job").job.name;
                assert_eq!(before.holder(name.as_str()), None, "{name} runs already");
            }
        }
    }
}

fn is_turn(fire: &Fire) -> bool {
    matches!(fire.trigger, Trigger::Queued(_))
}
