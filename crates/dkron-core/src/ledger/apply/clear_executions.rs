//! A job's finished executions go and its figures start again. Running ones stay.

use super::delete_job::expire_history;
use super::step::Step;
use crate::ledger::command::OfJob;
use crate::ledger::outcome::Reply;

pub(super) fn apply(step: &mut Step<'_>, command: &OfJob) -> Reply {
    let job_no = match step.find(command) {
        Ok(job_no) => job_no,
        Err(rejection) => return rejection.into(),
    };
    expire_history(step, job_no);
    step.change(job_no, |runtime| {
        runtime.success_count = 0;
        runtime.error_count = 0;
        runtime.last_success = None;
        runtime.last_error = None;
    });
    Reply::Job(step.snapshot(job_no))
}
