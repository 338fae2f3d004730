//! A job goes with its retries, owed starts and what waits of it. Its live executions run on
//! under its number.

use alloc::vec::Vec;

use super::cancel::end_waiting;
use super::figures;
use super::job_writes::unlink;
use super::prune::give_up;
use super::queue;
use super::report::close_group;
use super::step::Step;
use super::versions;
use crate::domain::{Group, Job, JobNo, SkipNo};
use crate::ledger::command::OfJob;
use crate::ledger::outcome::{Effect, Rejection, Reply, RowOp};
use crate::ledger::row::RowKey;

pub(super) fn apply(step: &mut Step<'_>, command: &OfJob) -> Reply {
    let job_no = match step.find(command) {
        Ok(job_no) => job_no,
        Err(rejection) => return rejection.into(),
    };
    let children: Vec<_> = step.ledger.children(command.name.as_str()).cloned().collect();
    if !children.is_empty() {
        return Rejection::HasDependents(children).into();
    }
    let snapshot = step.snapshot(job_no);
    remove(step, job_no, true);
    Reply::Job(snapshot)
}

/// Deletes a job without children; somebody may want it back.
pub(super) fn remove(step: &mut Step<'_>, job_no: JobNo, may_return: bool) {
    let job = step.state(job_no).job.clone();
    versions::gone(step, job_no, &job, may_return);
    step.ledger.derived.names.remove(&job.name);
    unlink(step, &job);
    drop_skipped(step, job_no);
    expire_history(step, job_no);
    figures::forget(step, job_no);
    for parent in owed_to(step, job_no) {
        step.settle_child(parent, job_no);
        step.effects.retain(|effect| *effect != Effect::Child { parent, child: job_no });
    }
    queue::drop_all(step, job_no, None);
    step.change(job_no, |runtime| {
        runtime.deleted = true;
        runtime.next = None;
        runtime.last_skipped = None;
    });
    end_retries(step, &job, job_no);
    // Ended retries may have taken the job along.
    if step.ledger.jobs.contains_key(&job_no) {
        step.drop_if_unused(job_no);
    }
}

/// The groups that owe a job a start.
fn owed_to(step: &Step<'_>, child: JobNo) -> Vec<Group> {
    let of_child = (child, Group(0))..=(child, Group(u64::MAX));
    step.ledger.derived.owed_to.range(of_child).map(|(_, parent)| *parent).collect()
}

/// Skipped records are few: they go at once.
fn drop_skipped(step: &mut Step<'_>, job_no: JobNo) {
    let runtime = &step.state(job_no).runtime;
    for no in runtime.first_skip.0..runtime.next_skip.0 {
        step.rows.push(RowOp::Delete(RowKey::Skipped(job_no, SkipNo(no))));
    }
}

/// All finished executions go.
pub(super) fn expire_history(step: &mut Step<'_>, job_no: JobNo) {
    let end = step.state(job_no).runtime.next_no;
    give_up(step, job_no, end);
}

/// Slots that wait for a further attempt are over.
fn end_retries(step: &mut Step<'_>, job: &Job, job_no: JobNo) {
    let groups: Vec<Group> = step.ledger.holders(job.name.as_str()).collect();
    for group in groups {
        if step.ledger.groups[&group].job_no == job_no && end_waiting(step, group, None) > 0 {
            close_group(step, group);
        }
    }
}
