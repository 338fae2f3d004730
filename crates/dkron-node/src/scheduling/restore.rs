//! A backup is checked whole, then stored job by job, parents first, a bounded number at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use dkron_core::conductor::{Refusal, Request as Ask, admission};
use dkron_core::domain::{JobName, Submission, Verb};
use dkron_core::ledger::Note;
use dkron_core::schedule::Zone;

use super::Scheduling;
use super::ask::{Waiting, send};
use crate::service::{Asked, Error, Reply};

/// Jobs of one restore on their way at a time.
const WINDOW: usize = 512;

/// Restores in progress.
#[derive(Default)]
pub(super) struct Restores {
    last: u64,
    running: HashMap<u64, Restore>,
}

struct Restore {
    /// In order, parents before children; taken when sent.
    jobs: Vec<Option<Submission>>,
    names: Vec<JobName>,
    stored: Vec<bool>,
    sent: usize,
    answered: usize,
    asked: Option<Arc<Asked>>,
    reply: Reply<Vec<(JobName, bool)>>,
}

impl Scheduling {
    pub(super) fn restore(
        &mut self,
        jobs: Vec<Submission>,
        asked: Option<Arc<Asked>>,
        reply: Reply<Vec<(JobName, bool)>>,
    ) {
        if self.conductor.tenure().is_none() {
            return send(reply, Err(Error::NoLeader));
        }
        if let Err(problem) = self.check(&jobs) {
            return send(reply, Err(Error::Invalid(problem)));
        }
        let jobs = parents_first(jobs);
        if jobs.is_empty() {
            return send(reply, Ok(Vec::new()));
        }
        let names = jobs.iter().map(|job| job.job.name.clone()).collect();
        let stored = vec![false; jobs.len()];
        let jobs = jobs.into_iter().map(Some).collect();
        self.restores.last += 1;
        let restore = self.restores.last;
        let state = Restore { jobs, names, stored, sent: 0, answered: 0, asked, reply };
        self.restores.running.insert(restore, state);
        self.send_more(restore);
    }

    fn check(&self, jobs: &[Submission]) -> Result<(), String> {
        let local = Zone::parse(&self.ledger.settings().zone).unwrap_or_else(|_| Zone::utc());
        let names: BTreeSet<&JobName> = jobs.iter().map(|job| &job.job.name).collect();
        for job in jobs.iter().map(|posted| &posted.job) {
            admission::check(job, &local).map_err(|err| format!("job `{}`: {err}", job.name))?;
            if let Some(parent) = &job.parent_job
                && !names.contains(parent)
                && self.ledger.job(parent.as_str()).is_none()
            {
                return Err(format!(
                    "job `{}`: parent_job `{parent}` is neither in the file nor on the server",
                    job.name
                ));
            }
        }
        circle(jobs)
    }

    fn send_more(&mut self, restore: u64) {
        while let Some(state) = self.restores.running.get_mut(&restore) {
            if state.sent >= state.jobs.len() || state.sent - state.answered >= WINDOW {
                return;
            }
            let at = state.sent;
            state.sent += 1;
            let Some(submission) = state.jobs[at].take() else { return };
            let waiting = Waiting::Restored { restore, at };
            let asked = state.asked.clone();
            self.ask(Ask::Restore(Box::new(submission)), waiting, asked);
        }
    }

    pub(super) fn restored(&mut self, restore: u64, at: usize, problem: Option<Refusal>) {
        let Some(state) = self.restores.running.get_mut(&restore) else { return };
        if let Some(problem) = &problem {
            tracing::warn!(job = %state.names[at], ?problem, "a job was not restored");
        }
        state.stored[at] = problem.is_none();
        state.answered += 1;
        if state.answered < state.jobs.len() {
            return self.send_more(restore);
        }
        if let Some(state) = self.restores.running.remove(&restore) {
            let done: Vec<(JobName, bool)> = state.names.into_iter().zip(state.stored).collect();
            self.note_restore(done.len(), state.asked);
            let reply = state.reply;
            self.release_after(move |_| send(reply, Ok(done)));
        }
    }

    /// One word of all of it: a word of each job would leave no room for anything else.
    fn note_restore(&mut self, jobs: usize, asked: Option<Arc<Asked>>) {
        let Some(asked) = asked else { return };
        let asked = Asked { verb: Some(Verb::Restore), ..Asked::clone(&asked) };
        let note = Note { object: String::new(), detail: format!("{jobs} jobs") };
        self.ask(Ask::Note(Box::new(note)), Waiting::Noted, Some(Arc::new(asked)));
    }
}

/// Jobs that are each other's parents could not all be stored, so none is.
fn circle(jobs: &[Submission]) -> Result<(), String> {
    let parents: BTreeMap<&JobName, &JobName> = jobs
        .iter()
        .filter_map(|posted| Some((&posted.job.name, posted.job.parent_job.as_ref()?)))
        .collect();
    let mut clear: BTreeSet<&JobName> = BTreeSet::new();
    for start in parents.keys() {
        let mut way: BTreeSet<&JobName> = BTreeSet::new();
        let mut at = *start;
        while !clear.contains(at) {
            if !way.insert(at) {
                return Err(format!("job `{at}`: it is among its own parents"));
            }
            match parents.get(at) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        clear.extend(way);
    }
    Ok(())
}

/// Each parent stands before its children, in the file's order otherwise; of two jobs with one
/// name the later stands.
fn parents_first(jobs: Vec<Submission>) -> Vec<Submission> {
    let mut order: Vec<JobName> = Vec::new();
    let mut by_name: BTreeMap<JobName, Submission> = BTreeMap::new();
    for job in jobs {
        let name = job.job.name.clone();
        if by_name.insert(name.clone(), job).is_none() {
            order.push(name);
        }
    }
    let mut sorted = Vec::with_capacity(order.len());
    for name in order {
        // The way up to the first ancestor that is placed already, or is not in the file.
        let mut way: Vec<Submission> = Vec::new();
        let mut above = Some(name);
        while let Some(job) = above.and_then(|name| by_name.remove(&name)) {
            above = job.job.parent_job.clone();
            way.push(job);
        }
        sorted.extend(way.into_iter().rev());
    }
    sorted
}
