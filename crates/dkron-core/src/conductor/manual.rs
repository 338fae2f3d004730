//! Runs that somebody asked for. They override `disabled`, `starts_at` and `expires_at`, never the
//! slot of a `forbid` job, which `apply` guards.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::{Action, Answer, Refusal};
use super::fire_batch::place_nodes;
use super::input::{Fate, Ticket};
use super::keys::again;
use super::placement::Choice;
use super::proposals::{Proposal, refused};
use super::writes::signed;
use super::{settings, versions};
use crate::domain::{
    ByHand, Cancellation, ExecutionId, JobName, JobNo, NodeName, Nominal, Now, Origin, RequestId,
    limits,
};
use crate::ledger::{Command, Decision, Fire, Fired, Ledger, Rejection, Reply, Trigger};

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
    pub origin: Option<Origin>,
    /// What is different about it.
    pub by_hand: Option<Arc<ByHand>>,
}

/// One that is on its way into the log.
#[derive(Clone, Debug)]
pub(super) struct PlacedRun {
    pub asked: AskedRun,
    job_no: JobNo,
    nodes: Vec<NodeName>,
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
        let places = match self.choose_or_queue(
            ledger,
            state,
            asked.by_hand.as_deref(),
            nominal,
            now.mono,
        ) {
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
        let trigger = match &asked.by_hand {
            Some(by_hand) => Trigger::ByHand(by_hand.clone()),
            None => Trigger::Manual(asked.id),
        };
        let decision = Decision::Run(places);
        self.give(&decision);
        let fire = Fire { job_no, version, trigger, nominal, next: None, decision };
        let command = Command::Fire([fire].into());
        let command = signed(ledger, asked.origin.clone(), None, command);
        let proposal = Proposal::Run(PlacedRun { asked, job_no, nodes });
        self.propose(proposal, command, now, out);
    }

    pub(super) fn run_resolved(
        &mut self,
        ledger: &Ledger,
        now: Now,
        run: PlacedRun,
        fate: Fate,
        out: &mut Vec<Action>,
    ) {
        self.take_back(&run.nodes);
        let void = fate == Fate::Applied(Reply::Fired([Fired::Void].into()));
        if void && now.mono < run.asked.until {
            // The job changed meanwhile, or it was to wait and need not: it is placed anew.
            self.asked_runs.push_back(run.asked);
            return;
        }
        let ticket = run.asked.ticket;
        let answer = answer(ledger, run, fate);
        out.push(Action::Answer { ticket, answer });
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

impl Conductor {
    /// Checks what is to be different about a run; the text names the field.
    pub(super) fn check_by_hand(&self, ledger: &Ledger, by_hand: &ByHand) -> Result<(), String> {
        let (version, least) = (ledger.version(), versions::BY_HAND);
        if version < least {
            return Err(format!(
                "the cluster is at version {version}, runs take parameters from {least} on: \
                 upgrade all servers and nodes first"
            ));
        }
        let (bytes, most) = (by_hand.bytes(), limits::BY_HAND_BYTES);
        if bytes > most {
            return Err(format!("parameters of {bytes} bytes are too many, at most {most}"));
        }
        if by_hand.by == Cancellation::SCHEDULER {
            return Err(settings::reserved(&by_hand.by));
        }
        match by_hand.nodes.iter().find(|name| !self.roster.contains_key(*name)) {
            Some(name) => Err(format!("nodes: no member has the name {name}")),
            None => Ok(()),
        }
    }
}

fn answer(ledger: &Ledger, run: PlacedRun, fate: Fate) -> Result<Answer, Refusal> {
    let PlacedRun { asked: AskedRun { name, .. }, job_no, nodes } = run;
    let fired = match fate {
        Fate::Applied(Reply::Fired(mut fired)) => fired.pop(),
        Fate::Applied(Reply::Again(found)) => return again(ledger, *found),
        other => return Err(refused(other)),
    };
    match fired {
        Some(Fired::Run { group, seqs }) => {
            let ids = seqs.into_iter().zip(nodes);
            let executions = ids.map(|(seq, node)| ExecutionId { seq, node }).collect();
            // It ran, but the job is gone since: there is nothing to show.
            let job = ledger.job_no(job_no).ok_or(Refusal::Unknown)?;
            let job = Box::new(job.snapshot());
            Ok(Answer::Ran { job, group, executions })
        }
        Some(Fired::Queued(_)) => {
            let job = ledger.job_no(job_no).ok_or(Refusal::Unknown)?;
            Ok(Answer::Queued { job: Box::new(job.snapshot()) })
        }
        Some(Fired::Rejected(rejection)) => Err(Refusal::Rejected(rejection)),
        // It changed again and again.
        Some(Fired::Void) if ledger.job(name.as_str()).is_some() => Err(Refusal::Busy),
        Some(Fired::Void | Fired::Skipped) | None => {
            Err(Refusal::Rejected(Rejection::JobNotFound(name)))
        }
    }
}
