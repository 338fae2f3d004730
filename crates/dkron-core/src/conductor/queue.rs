//! Occurrences that wait take their turn, or their patience ends.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::Action;
use super::fires::nobody;
use super::placement::Choice;
use super::proposals::Proposal;
use crate::domain::{JobNo, NodeName, Nominal, Now, QueueNo, SkipReason, limits};
use crate::ledger::{Command, Decision, Fire, JobState, Ledger, Queued, Trigger};

/// Turns on their way into one entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    pub fires: Vec<Fire>,
    pub taken: Vec<(JobNo, QueueNo)>,
    /// One for each place that they take.
    pub nodes: Vec<NodeName>,
}

impl Turns {
    fn len(&self) -> usize {
        self.nodes.len() + self.fires.len()
    }
}

impl Conductor {
    /// Costs as much as there are jobs whose turn it is, whatever waits behind others.
    pub(super) fn fire_queued(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        let mut turns = Turns::default();
        let over = ledger.queue_ends().take_while(|(until, ..)| *until <= now.wall);
        for (_, job_no, no) in over {
            let waiting = ledger.job_no(job_no).zip(ledger.queued(job_no, no));
            let Some((state, queued)) = waiting.filter(|_| !self.turning.contains(&(job_no, no)))
            else {
                continue;
            };
            let (reason, detail) = (SkipReason::QueueTimeout, String::new());
            let decision = Decision::Skip { last: queued.nominal, count: 1, reason, detail };
            self.turn(state, no, queued, decision, &mut turns);
            self.propose_turns(limits::FIRE_EXECUTIONS, &mut turns, now, out);
        }
        if self.is_full(ledger, now.mono) && ledger.ready().next().is_some() {
            self.waiting = true;
            return self.propose_turns(1, &mut turns, now, out);
        }
        for job_no in ledger.ready() {
            let first = ledger.job_no(job_no).zip(ledger.queue(job_no).next());
            let Some((state, (no, queued))) = first else { continue };
            if self.turning.contains(&(job_no, no)) || queued.until <= now.wall {
                continue;
            }
            // The definition of today runs, on the nodes of today.
            match self.choose(ledger, &state.job, queued.nominal, now.mono) {
                Choice::Places(places) => {
                    self.turn(state, no, queued, Decision::Run(places), &mut turns);
                }
                Choice::Nobody => {
                    let decision = nobody(queued.nominal, &state.job);
                    self.turn(state, no, queued, decision, &mut turns);
                }
                Choice::Wait => self.waiting = true,
            }
            self.propose_turns(limits::FIRE_EXECUTIONS, &mut turns, now, out);
        }
        self.propose_turns(1, &mut turns, now, out);
    }

    /// As `choose`, but what would only wait for its turn needs no room for that.
    pub(super) fn choose_or_queue(
        &self,
        ledger: &Ledger,
        state: &JobState,
        nominal: Nominal,
        mono: Duration,
    ) -> Choice {
        match self.choose(ledger, &state.job, nominal, mono) {
            Choice::Wait if ledger.must_wait(state.job_no) => Choice::Places(Vec::new()),
            other => other,
        }
    }

    fn turn(
        &mut self,
        state: &JobState,
        no: QueueNo,
        queued: &Queued,
        decision: Decision,
        turns: &mut Turns,
    ) {
        self.give(&decision);
        let (job_no, version, nominal) = (state.job_no, state.runtime.version, queued.nominal);
        self.turning.insert((job_no, no));
        turns.taken.push((job_no, no));
        if let Decision::Run(places) = &decision {
            turns.nodes.extend(places.iter().map(|place| place.target.node.clone()));
        }
        let trigger = Trigger::Queued(no);
        turns.fires.push(Fire { job_no, version, trigger, nominal, next: None, decision });
    }

    /// Proposes them if they are at least so many.
    fn propose_turns(&mut self, least: usize, turns: &mut Turns, now: Now, out: &mut Vec<Action>) {
        if turns.len() < least {
            return;
        }
        let mut turns = core::mem::take(turns);
        let command = Command::Fire(core::mem::take(&mut turns.fires));
        self.propose(Proposal::Turns(turns), command, now, out);
    }
}
