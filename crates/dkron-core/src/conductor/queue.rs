//! Occurrences that wait take their turn, or their patience ends.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::Action;
use super::fire_batch::{executions, place_nodes};
use super::pauses;
use super::placement::Choice;
use super::proposals::Proposal;
use super::tags::Whom;
use crate::domain::{ByHand, JobNo, NodeName, Nominal, Now, QueueNo, SkipReason, limits};
use crate::ledger::{Command, Decision, Fire, JobState, Ledger, Queued, Trigger};

/// Jobs looked at in one alarm.
const LOOKS: usize = 1024;

/// Turns on their way into one entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    pub fires: Vec<Fire>,
    pub taken: Vec<(JobNo, QueueNo)>,
    /// One for each place that they take.
    pub nodes: Vec<NodeName>,
    executions: usize,
}

impl Conductor {
    /// Costs as much as there are jobs whose turn it is, whatever waits behind others.
    pub(super) fn fire_queued(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        let mut turns = Turns::default();
        let over = ledger.queue_ends().take_while(|(until, ..)| *until <= now.wall);
        for (_, job_no, no) in over {
            let waiting = ledger.job_no(job_no).zip(ledger.queued(job_no, no));
            if let Some((state, queued)) = waiting
                && !self.turning.contains(&(job_no, no))
            {
                let (reason, detail) = (SkipReason::QueueTimeout, String::new());
                let decision = Decision::Skip { last: queued.nominal, count: 1, reason, detail };
                self.make_room(&decision, &mut turns, now, out);
                self.turn(state, no, queued, decision, &mut turns);
            }
        }
        if !self.is_full(ledger, now.mono) {
            self.take_turns(ledger, now, &mut turns, out);
        } else if ledger.ready(self.next_turn).next().is_some() {
            self.waiting = true;
        }
        self.propose_turns(turns, now, out);
    }

    /// The first of each job whose name nobody holds, by the definition and the nodes of today.
    fn take_turns(&mut self, ledger: &Ledger, now: Now, turns: &mut Turns, out: &mut Vec<Action>) {
        for (looked, job_no) in ledger.ready(self.next_turn).enumerate() {
            if looked == LOOKS {
                // The others have a look first the next time, so that nobody waits for ever.
                self.next_turn = job_no;
                self.waiting = true;
                return;
            }
            let first = ledger.job_no(job_no).zip(ledger.queue(job_no).next());
            let Some((state, (no, queued))) = first else { continue };
            if self.turning.contains(&(job_no, no)) {
                continue;
            }
            let stopped = pauses::turn(ledger, &state.job, queued, now);
            let whom = Whom::new(&state.job, &queued.cause);
            let choose = || self.choose(ledger, whom, queued.nominal, now.mono);
            let decision = match stopped.map_or_else(|| Err(choose()), Ok) {
                Ok(skip) => skip,
                Err(Choice::Places(places)) => Decision::Run(places),
                Err(Choice::Nobody) => self.nobody(ledger, queued.nominal, whom),
                Err(Choice::Wait) => {
                    self.waiting = true;
                    continue;
                }
            };
            self.make_room(&decision, turns, now, out);
            self.turn(state, no, queued, decision, turns);
        }
    }

    /// As `choose`, but what would only wait for its turn needs no room for that.
    pub(super) fn choose_or_queue(
        &self,
        ledger: &Ledger,
        state: &JobState,
        by_hand: Option<&ByHand>,
        nominal: Nominal,
        mono: Duration,
    ) -> Choice {
        let whom = Whom { job: &state.job, by_hand };
        match self.choose(ledger, whom, nominal, mono) {
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
        turns.executions += executions(&decision);
        let (job_no, version, nominal) = (state.job_no, state.runtime.version, queued.nominal);
        self.turning.insert((job_no, no));
        turns.taken.push((job_no, no));
        if let Decision::Run(places) = &decision {
            turns.nodes.extend(place_nodes(places));
        }
        let trigger = Trigger::Queued(no);
        turns.fires.push(Fire { job_no, version, trigger, nominal, next: None, decision });
    }

    /// An entry has its limit; what does not fit goes into the next.
    fn make_room(
        &mut self,
        decision: &Decision,
        turns: &mut Turns,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        if turns.executions + executions(decision) > limits::FIRE_EXECUTIONS {
            self.propose_turns(core::mem::take(turns), now, out);
        }
    }

    fn propose_turns(&mut self, mut turns: Turns, now: Now, out: &mut Vec<Action>) {
        if !turns.fires.is_empty() {
            let command = Command::Fire(core::mem::take(&mut turns.fires));
            self.propose(Proposal::Turns(turns), command, now, out);
        }
    }
}
