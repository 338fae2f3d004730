//! What creating, replacing, restoring and toggling a job have in common.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::step::Step;
use super::versions;
use crate::domain::{Job, JobName, JobNo, Skipped, Submission, Version};
use crate::ledger::command::{Account, Base};
use crate::ledger::outcome::Rejection;
use crate::ledger::state::{JobState, Runtime};

/// The parent must exist and stay, and its own parents must not lead back to the job.
pub(super) fn check_parent(step: &Step<'_>, job: &Job) -> Result<(), Rejection> {
    let Some(parent) = &job.parent_job else {
        return Ok(());
    };
    let mut above = Some(parent.clone());
    while let Some(name) = above {
        if name == job.name {
            return Err(Rejection::Cycle(job.name.clone()));
        }
        let state = step.ledger.job(name.as_str());
        let state = state.filter(|state| !state.runtime.leaving);
        let state = state.ok_or_else(|| Rejection::ParentNotFound(parent.clone()))?;
        above = state.job.parent_job.clone();
    }
    Ok(())
}

/// Stores a new job under a free name.
pub(super) fn create(step: &mut Step<'_>, job: Job, account: Account) -> JobNo {
    let job_no = JobNo(step.index.0);
    let name = job.name.clone();
    let job = Arc::new(job);
    let state = JobState {
        job_no,
        job: job.clone(),
        runtime: Runtime::default(),
        pins: Default::default(),
    };
    step.ledger.jobs.insert(job_no, Box::new(state));
    step.ledger.derived.names.insert(name, job_no);
    link(step, &job);
    versions::created(step, job_no, &job);
    step.define(job_no, Version(1), job);
    open_account(step, job_no, Version(1), account);
    job_no
}

/// Puts another definition in force. The account is opened anew or kept as the leader said.
pub(super) fn replace(
    step: &mut Step<'_>,
    job_no: JobNo,
    job: Job,
    account: Account,
    undecided: Option<Skipped>,
) {
    let old = step.state(job_no);
    let (old_job, old_version) = (old.job.clone(), old.runtime.version);
    if let Some(skipped) = undecided {
        let last = skipped.last;
        step.skip(job_no, skipped);
        step.change(job_no, |runtime| runtime.mark = runtime.mark.max(Some(last)));
    }
    let same = *old_job == job;
    let version = if same { old_version } else { Version(old_version.0 + 1) };
    if !same {
        unlink(step, &old_job);
        let job = Arc::new(job);
        link(step, &job);
        let old = (old_version, old_job);
        versions::changed(step, job_no, old, (version, job.clone()));
        step.define(job_no, version, job);
    }
    open_account(step, job_no, version, account);
}

/// Writes version and account; with `Keep` only what the new definition implies.
fn open_account(step: &mut Step<'_>, job_no: JobNo, version: Version, account: Account) {
    let at = step.at;
    step.change(job_no, |runtime| {
        runtime.version = version;
        // An ephemeral job that is written again before it is gone stays: the writer was told so.
        runtime.leaving = false;
        if let Account::Restart { next, anchor } = account {
            runtime.since = at;
            runtime.next = next;
            if anchor || runtime.anchor == Default::default() {
                runtime.anchor = at;
            }
        }
    });
}

/// Makes a job known to its parent.
pub(super) fn link(step: &mut Step<'_>, job: &Job) {
    if let Some(parent) = &job.parent_job {
        let children = step.ledger.derived.children.entry(parent.clone()).or_default();
        children.insert(job.name.clone());
    }
}

/// Makes a job unknown to its parent.
pub(super) fn unlink(step: &mut Step<'_>, job: &Job) {
    let Some(parent) = &job.parent_job else {
        return;
    };
    if let Some(children) = step.ledger.derived.children.get_mut(parent) {
        children.remove(&job.name);
        if children.is_empty() {
            step.ledger.derived.children.remove(parent);
        }
    }
}

/// Figures that a client brings along: the larger, the later, the stored word.
pub(super) fn merge_figures(step: &mut Step<'_>, job_no: JobNo, posted: &Submission) {
    step.change(job_no, |runtime| {
        runtime.success_count = runtime.success_count.max(posted.success_count);
        runtime.error_count = runtime.error_count.max(posted.error_count);
        runtime.last_success = runtime.last_success.max(posted.last_success);
        runtime.last_error = runtime.last_error.max(posted.last_error);
        if runtime.status == Default::default() {
            runtime.status = posted.status;
        }
    });
}

/// The stored job that a write was computed against, or why it can not go on.
pub(super) fn current(
    step: &Step<'_>,
    name: &JobName,
    base: Option<Base>,
) -> Result<Option<JobNo>, Rejection> {
    let found = step.ledger.job(name.as_str()).map(|state| Base {
        job_no: state.job_no,
        version: state.runtime.version,
        next: state.runtime.next,
    });
    if found == base { Ok(found.map(|base| base.job_no)) } else { Err(Rejection::Stale) }
}
