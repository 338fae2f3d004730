//! A job goes with its retries and owed starts. Its live executions run on under its number.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::job_writes::unlink;
use super::report::close_group;
use super::step::Step;
use crate::domain::{Group, JobNo, SkipNo};
use crate::ledger::command::OfJob;
use crate::ledger::outcome::{Effect, Rejection, Reply, RowOp};
use crate::ledger::row::{Row, RowKey};
use crate::ledger::state::Phase;

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
    remove(step, job_no);
    Reply::Job(snapshot)
}

/// Deletes a job without children.
pub(super) fn remove(step: &mut Step<'_>, job_no: JobNo) {
    let job = step.state(job_no).job.clone();
    step.ledger.derived.names.remove(&job.name);
    unlink(step, &job);
    drop_skipped(step, job_no);
    expire_history(step, job_no);
    let owed: Vec<Group> = of_child(step, job_no);
    for parent in owed {
        step.settle_child(parent, job_no);
        step.effects.retain(|effect| *effect != Effect::Child { parent, child: job_no });
    }
    step.change(job_no, |runtime| {
        runtime.deleted = true;
        runtime.next = None;
        runtime.last_skipped = None;
    });
    end_retries(step, job_no);
    // Ended retries may have taken the job along.
    if step.ledger.jobs.contains_key(&job_no) {
        step.drop_if_unused(job_no);
    }
}

fn of_child(step: &Step<'_>, child: JobNo) -> Vec<Group> {
    let owed = step.ledger.owed.keys().filter(|(_, owed)| *owed == child);
    owed.map(|(parent, _)| *parent).collect()
}

/// Skipped records are few: they go at once.
fn drop_skipped(step: &mut Step<'_>, job_no: JobNo) {
    let runtime = &step.state(job_no).runtime;
    for no in runtime.first_skip.0..runtime.next_skip.0 {
        step.rows.push(RowOp::Delete(RowKey::Skipped(job_no, SkipNo(no))));
    }
}

/// History rows may be many: the leader removes them in bounded steps.
pub(super) fn expire_history(step: &mut Step<'_>, job_no: JobNo) {
    let runtime = &step.state(job_no).runtime;
    let (first, end) = (runtime.first_no, runtime.next_no);
    if first == end {
        return;
    }
    step.change(job_no, |runtime| runtime.first_no = end);
    step.ledger.expiring.insert((job_no, first), end);
    step.rows.push(RowOp::PutNew(Row::Expiring { job_no, first, end }));
    step.effects.push(Effect::Expire { job_no, first, end });
}

/// Slots that wait for a further attempt are over.
fn end_retries(step: &mut Step<'_>, job_no: JobNo) {
    let waiting: BTreeSet<Group> = {
        let retries = step.ledger.derived.retries.iter().map(|(_, group, _)| *group);
        let of_job = |group: &Group| step.ledger.groups[group].job_no == job_no;
        retries.filter(of_job).collect()
    };
    for group in waiting {
        let mut ended = Vec::new();
        for slot in &mut step.group(group).slots {
            if let Phase::Waiting { retry_at } = slot.phase {
                ended.push((retry_at, group, slot.seq));
                slot.phase = Phase::Done { success: false };
            }
        }
        for (at, group, failed) in ended {
            step.ledger.derived.retries.remove(&(at, group, failed));
            // The same entry may have asked for it.
            step.effects.retain(|effect| *effect != Effect::Retry { at, group, failed });
        }
        close_group(step, group);
    }
}
