//! A job is created or replaced, by a client or from a backup.

use super::job_writes::{check_parent, create, current, merge_figures, replace};
use super::step::Step;
use crate::ledger::command::PutJob;
use crate::ledger::outcome::{Rejection, Reply};

pub(super) fn apply(step: &mut Step<'_>, command: PutJob) -> Reply {
    if step.ledger.paused {
        return Rejection::Paused.into();
    }
    restore(step, command)
}

/// A pause blocks submissions, not the return of a backup.
pub(super) fn restore(step: &mut Step<'_>, command: PutJob) -> Reply {
    match store(step, command) {
        Ok(reply) => reply,
        Err(rejection) => rejection.into(),
    }
}

fn store(step: &mut Step<'_>, command: PutJob) -> Result<Reply, Rejection> {
    let PutJob { submission, base, account, undecided } = command;
    let existing = current(step, &submission.job.name, base)?;
    check_parent(step, &submission.job)?;
    let job = submission.job.clone();
    let job_no = match existing {
        None => create(step, job, account),
        Some(job_no) => {
            replace(step, job_no, job, account, undecided);
            job_no
        }
    };
    merge_figures(step, job_no, &submission);
    Ok(Reply::Job(step.snapshot(job_no)))
}
