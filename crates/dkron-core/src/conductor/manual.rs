//! Runs that somebody asked for. They override `disabled`, `starts_at` and `expires_at`, never the
//! slot of a `forbid` job, which `apply` guards.

use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::{Action, Refusal};
use super::fire_batch::place_nodes;
use super::input::Ticket;
use super::placement::Choice;
use super::proposals::Proposal;
use crate::domain::{JobName, Nominal, Now, RequestId, limits};
use crate::ledger::{Command, Decision, Fire, Ledger, Rejection, Trigger};

/// How long a run waits for room or a session before it is refused.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Runs that wait at a time; more are refused at once.
const WAITING: usize = 1024;

/// A run that was asked for.
#[derive(Clone, Debug)]
pub(super) struct AskedRun {
    /// On the monotonic clock.
    pub until: Duration,
    pub ticket: Ticket,
    pub name: JobName,
    pub id: RequestId,
}

impl Conductor {
    pub(super) fn run_now(
        &mut self,
        ledger: &Ledger,
        now: Now,
        asked: AskedRun,
        out: &mut Vec<Action>,
    ) {
        let (ticket, name) = (asked.ticket, asked.name.clone());
        let mut refuse = |refusal| out.push(Action::Answer { ticket, answer: Err(refusal) });
        let Some(state) = ledger.job(name.as_str()) else {
            return refuse(Refusal::Rejected(Rejection::JobNotFound(name)));
        };
        let nominal = Nominal(now.wall);
        let places = match self.choose_or_queue(ledger, state, nominal, now.mono) {
            Choice::Places(places) if places.len() <= limits::FIRE_EXECUTIONS => places,
            Choice::Nobody => return refuse(Refusal::NoEligibleNode(name)),
            Choice::Wait if now.mono < asked.until && self.asked_runs.len() < WAITING => {
                self.asked_runs.push_back(asked);
                return;
            }
            Choice::Wait | Choice::Places(_) => return refuse(Refusal::NoCapacity(name)),
        };
        let nodes = place_nodes(&places).collect();
        let (job_no, version) = (state.job_no, state.runtime.version);
        let (trigger, decision) = (Trigger::Manual(asked.id), Decision::Run(places));
        self.give(&decision);
        let fire = Fire { job_no, version, trigger, nominal, next: None, decision };
        let proposal = Proposal::Run { ticket, name, job_no, nodes };
        self.propose(proposal, Command::Fire([fire].into()), now, out);
    }

    /// Those that wait are tried again, in their order.
    pub(super) fn run_waiting(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        for asked in core::mem::take(&mut self.asked_runs) {
            if self.stopping {
                let (ticket, answer) = (asked.ticket, Err(Refusal::NoLeader));
                out.push(Action::Answer { ticket, answer });
                continue;
            }
            self.run_now(ledger, now, asked, out);
        }
        self.waiting |= !self.asked_runs.is_empty();
    }
}
