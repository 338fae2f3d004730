//! Requests of users. Writes of one job go one after the other, and not past a slot that is due:
//! first the slot is decided, then the job changes.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Conductor;
use super::account::{Occasion, Stored, account, left_over};
use super::action::{Action, Answer, Refusal};
use super::admission;
use super::drains;
use super::input::{Asked, Fate, Request, Ticket};
use super::manual::{AskedRun, PATIENCE};
use super::pauses;
use super::proposals::{Proposal, answered};
use super::{settings, versions};
use crate::domain::{Cancellation, Job, JobName, Now, Origin, Policy, Submission, Verb};
use crate::ledger::{
    Account, Base, Command, JobState, Ledger, OfJob, PutJob, Rejection, Reply, ToggleJob, Write,
};

/// Writes of one job that wait for an earlier one; more are refused.
const WAITING: usize = 1024;

impl Conductor {
    pub(super) fn request(
        &mut self,
        ledger: &Ledger,
        now: Now,
        ticket: Ticket,
        request: Request,
        out: &mut Vec<Action>,
    ) {
        if self.tenure.is_none() || self.stopping {
            out.push(Action::Answer { ticket, answer: Err(Refusal::NoLeader) });
            return;
        }
        let asked = Asked::from(request);
        let key = asked.origin.as_ref().and_then(|origin| origin.key);
        if let Some(key) = key
            && !self.is_first(ledger, now, (ticket, key), &asked, out)
        {
            return;
        }
        let Asked { demand, origin, verb, request } = asked;
        if self.pressure.sheds(ledger, &request, now.mono) {
            out.push(refusal(ticket, Refusal::Busy));
            return;
        }
        let name = match &request {
            Request::Put(submission) | Request::Restore(submission) => submission.job.name.clone(),
            Request::Delete(name) | Request::Toggle(name) | Request::Clear(name) => name.clone(),
            Request::Pause(_)
            | Request::Cancel(_)
            | Request::PutSettings(_)
            | Request::SetEligibility(_)
            | Request::PauseScheduling(_)
            | Request::ResumeScheduling(_)
            | Request::Note(_) => {
                match plain(ledger, now, request) {
                    Ok(command) => {
                        let command = signed(ledger, origin, verb, command);
                        self.propose(Proposal::Plain { ticket }, command, now, out);
                    }
                    Err(refused) => out.push(refusal(ticket, refused)),
                }
                return;
            }
            // A request within a request within a request is nobody's.
            Request::Asked(_) => return out.push(refusal(ticket, Refusal::Unknown)),
            Request::Run { name, id } => {
                let (name, id) = (name.clone(), *id);
                let until = now.mono + PATIENCE;
                let asked = AskedRun { until, ticket, name, id, origin, by_hand: None };
                return self.run_now(ledger, now, asked, out);
            }
            Request::RunByHand { name, by_hand } => {
                if let Err(said) = self.check_by_hand(ledger, by_hand) {
                    return out.push(refusal(ticket, Refusal::Invalid(said)));
                }
                let (name, id, by_hand) = (name.clone(), by_hand.id, Some(by_hand.clone()));
                let until = now.mono + PATIENCE;
                let asked = AskedRun { until, ticket, name, id, origin, by_hand };
                return self.run_now(ledger, now, asked, out);
            }
        };
        let waiting = self.writes.entry(name.clone()).or_default();
        if waiting.len() >= WAITING {
            out.push(Action::Answer { ticket, answer: Err(Refusal::Busy) });
            return;
        }
        waiting.push_back((ticket, Asked { demand, origin, verb, request }));
        if waiting.len() == 1 {
            self.go_on(ledger, now, &name, out);
        }
    }

    /// Takes up the next waiting write of a job, if nothing stands in its way.
    pub(super) fn go_on(
        &mut self,
        ledger: &Ledger,
        now: Now,
        name: &JobName,
        out: &mut Vec<Action>,
    ) {
        if self.writing.contains(name) {
            return;
        }
        while let Some((ticket, asked)) = self.writes.get(name).and_then(VecDeque::front) {
            let (ticket, asked) = (*ticket, asked.clone());
            if self.slot_in_the_way(ledger, now, name, &asked.request, out) {
                return;
            }
            let command = self.command(ledger, now, asked.request);
            // What is wrong in itself is told first, as if nothing had been demanded.
            let met = |command| asked.demand.check(ledger.job(name.as_str())).map(|()| command);
            match command.and_then(met) {
                Ok(command) => {
                    let command = signed(ledger, asked.origin, asked.verb, command);
                    self.writing.insert(name.clone());
                    let name = name.clone();
                    self.propose(Proposal::Write { ticket, name }, command, now, out);
                    return;
                }
                Err(refusal) => {
                    out.push(Action::Answer { ticket, answer: Err(refusal) });
                    self.done(name);
                }
            }
        }
    }

    /// Whether a slot of the job must be decided first.
    fn slot_in_the_way(
        &mut self,
        ledger: &Ledger,
        now: Now,
        name: &JobName,
        request: &Request,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(state) = ledger.job(name.as_str()) else { return false };
        let job_no = state.job_no;
        if self.firing.contains(&job_no) {
            return true;
        }
        !matches!(request, Request::Clear(_)) && self.fire_job(ledger, job_no, now, out)
    }

    fn done(&mut self, name: &JobName) {
        if let Some(waiting) = self.writes.get_mut(name) {
            waiting.pop_front();
            if waiting.is_empty() {
                self.writes.remove(name);
            }
        }
    }

    pub(super) fn write_resolved(
        &mut self,
        ledger: &Ledger,
        now: Now,
        ticket: Ticket,
        name: &JobName,
        fate: Fate,
        out: &mut Vec<Action>,
    ) {
        self.writing.remove(name);
        if let Some(state) = ledger.job(name.as_str()) {
            self.due.look_at(ledger, state.job_no);
        }
        let stale = fate == Fate::Applied(Reply::Rejected(Rejection::Stale));
        if !stale {
            self.done(name);
            out.push(Action::Answer { ticket, answer: answered(ledger, fate) });
        }
        self.go_on(ledger, now, name, out);
    }

    /// Computes the command for a write, against the job as it is now.
    fn command(&mut self, ledger: &Ledger, now: Now, request: Request) -> Result<Command, Refusal> {
        match request {
            Request::Put(submission) => {
                if ledger.is_paused() {
                    return Err(Refusal::Rejected(Rejection::Paused));
                }
                let put = self.put(ledger, now, *submission, Occasion::Write)?;
                Ok(Command::PutJob(Box::new(put)))
            }
            Request::Restore(submission) => {
                let put = self.put(ledger, now, *submission, Occasion::Restore)?;
                Ok(Command::Restore(Box::new(put)))
            }
            Request::Delete(name) => Ok(Command::DeleteJob(of_job(ledger, name)?)),
            Request::Clear(name) => Ok(Command::ClearExecutions(of_job(ledger, name)?)),
            Request::Toggle(name) => self.toggle(ledger, now, name),
            Request::Pause(_)
            | Request::Run { .. }
            | Request::RunByHand { .. }
            | Request::Cancel(_)
            | Request::PutSettings(_)
            | Request::SetEligibility(_)
            | Request::PauseScheduling(_)
            | Request::ResumeScheduling(_)
            | Request::Note(_)
            | Request::Asked(_) => Err(Refusal::Unknown),
        }
    }

    fn put(
        &mut self,
        ledger: &Ledger,
        now: Now,
        mut submission: Submission,
        occasion: Occasion,
    ) -> Result<PutJob, Refusal> {
        // Wishes that are the defaults are none.
        submission.job.policy.take_if(|policy| **policy == Policy::DEFAULT);
        let zone = self.local_zone(ledger);
        let job = &submission.job;
        let schedule = admission::check(job, &zone).map_err(Refusal::Invalid)?;
        let state = ledger.job(job.name.as_str());
        let stored = state.map(stored);
        let at = now.wall;
        let account = account(stored, job, schedule.as_ref(), at, occasion);
        let ends = account != Account::Keep || job.disabled;
        let undecided = if ends { self.left_over(ledger, now, state) } else { None };
        Ok(PutJob { submission, base: state.map(base), account, undecided })
    }

    fn toggle(&mut self, ledger: &Ledger, now: Now, name: JobName) -> Result<Command, Refusal> {
        let Some(state) = ledger.job(name.as_str()) else {
            return Err(Refusal::Rejected(Rejection::JobNotFound(name)));
        };
        let job = Job { disabled: !state.job.disabled, ..Job::clone(&state.job) };
        let schedule = self.schedule(ledger, state);
        let stored = Some(stored(state));
        let account = account(stored, &job, schedule.as_deref(), now.wall, Occasion::Write);
        // A switch ends an account or opens one.
        let undecided = self.left_over(ledger, now, Some(state));
        Ok(Command::ToggleJob(ToggleJob { name, base: base(state), account, undecided }))
    }

    /// Slots that could not be decided before the change.
    fn left_over(
        &mut self,
        ledger: &Ledger,
        now: Now,
        state: Option<&JobState>,
    ) -> Option<crate::domain::Skipped> {
        let state = state.filter(|state| state.is_scheduled())?;
        let schedule = self.schedule(ledger, state);
        left_over(stored(state), schedule.as_deref(), now.wall)
    }

    /// What a deposed or stopping leader answers everybody who waits.
    pub(super) fn refuse_all(&mut self, out: &mut Vec<Action>) {
        for (name, waiting) in core::mem::take(&mut self.writes) {
            let mut waiting = waiting.into_iter();
            if self.writing.contains(&name) {
                let first = waiting.next();
                out.extend(first.map(|(ticket, _)| refusal(ticket, Refusal::Unknown)));
            }
            out.extend(waiting.map(|(ticket, _)| refusal(ticket, Refusal::NoLeader)));
        }
        out.extend(self.keys.take().map(|ticket| refusal(ticket, Refusal::NoLeader)));
        let asked = core::mem::take(&mut self.asked_runs).into_iter();
        out.extend(asked.map(|asked| refusal(asked.ticket, Refusal::NoLeader)));
        for (_, proposal) in core::mem::take(&mut self.proposals) {
            let asked = match proposal {
                Proposal::Run(run) => Some(run.asked.ticket),
                Proposal::Plain { ticket } => Some(ticket),
                _ => None,
            };
            out.extend(asked.map(|ticket| refusal(ticket, Refusal::Unknown)));
        }
    }
}

pub(super) fn refusal(ticket: Ticket, refusal: Refusal) -> Action {
    let answer: Result<Answer, Refusal> = Err(refusal);
    Action::Answer { ticket, answer }
}

/// A command with who wants it, as soon as the whole cluster knows of that.
pub(super) fn signed(
    ledger: &Ledger,
    origin: Option<Origin>,
    verb: Option<Verb>,
    command: Command,
) -> Command {
    let origin = origin.filter(|_| ledger.version() >= versions::ORIGINS);
    match origin.zip(verb.or(command.verb())) {
        Some((origin, verb)) => Command::Write(Box::new(Write { origin, verb, command })),
        None => command,
    }
}

/// The command of a request that waits for nothing.
fn plain(ledger: &Ledger, now: Now, request: Request) -> Result<Command, Refusal> {
    match request {
        Request::Cancel(cancel) if cancel.by == Cancellation::SCHEDULER => {
            Err(Refusal::Invalid(settings::reserved(&cancel.by)))
        }
        Request::Cancel(cancel) => Ok(Command::Cancel(*cancel)),
        Request::Note(_) if ledger.version() < versions::ORIGINS => {
            let text = "the cluster keeps no word of it before version 4";
            Err(Refusal::Unready(text.into()))
        }
        Request::Note(note) => Ok(Command::Note(*note)),
        Request::PutSettings(wanted) => {
            settings::check(&wanted).map_err(Refusal::Invalid)?;
            Ok(Command::PutSettings(*wanted))
        }
        Request::SetEligibility(wanted) => {
            drains::check(ledger, &wanted).map_err(Refusal::Invalid)?;
            Ok(Command::SetEligibility(*wanted))
        }
        Request::PauseScheduling(wanted) => {
            pauses::check(ledger, &wanted, now).map_err(Refusal::Invalid)?;
            Ok(Command::PauseScheduling(*wanted))
        }
        Request::ResumeScheduling(wanted) => {
            pauses::is_known(ledger).map_err(Refusal::Invalid)?;
            Ok(Command::ResumeScheduling(wanted))
        }
        other => Ok(Command::Pause(other == Request::Pause(true))),
    }
}

fn of_job(ledger: &Ledger, name: JobName) -> Result<OfJob, Refusal> {
    match ledger.job(name.as_str()) {
        Some(state) => Ok(OfJob { name, job_no: state.job_no }),
        None => Err(Refusal::Rejected(Rejection::JobNotFound(name))),
    }
}

fn base(state: &JobState) -> Base {
    let runtime = &state.runtime;
    Base { job_no: state.job_no, version: runtime.version, next: runtime.next }
}

fn stored(state: &JobState) -> Stored<'_> {
    Stored { job: &state.job, runtime: &state.runtime }
}
