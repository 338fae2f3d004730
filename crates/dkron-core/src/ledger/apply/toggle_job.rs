//! `disabled` is flipped.

use super::job_writes::{current, replace};
use super::step::Step;
use crate::domain::Job;
use crate::ledger::command::ToggleJob;
use crate::ledger::outcome::{Rejection, Reply};

pub(super) fn apply(step: &mut Step<'_>, command: ToggleJob) -> Reply {
    let ToggleJob { name, base, account, undecided } = command;
    match current(step, &name, Some(base)) {
        Ok(Some(job_no)) => {
            let old = &step.state(job_no).job;
            let job = Job { disabled: !old.disabled, ..Job::clone(old) };
            replace(step, job_no, job, account, undecided);
            Reply::Job(step.snapshot(job_no))
        }
        Ok(None) => Rejection::JobNotFound(name).into(),
        Err(rejection) => rejection.into(),
    }
}
