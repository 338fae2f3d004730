//! Occurrences that wait until those before them are over.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::cancel::{Met, end_group};
use super::step::{Step, one};
use crate::domain::{
    Cancellation, Cause, Group, Job, JobNo, Nominal, QueueNo, SkipReason, civil, limits,
};
use crate::ledger::outcome::{Fired, Rejection, RowOp};
use crate::ledger::row::{Row, RowKey};
use crate::ledger::state::Queued;

/// A later occurrence takes the place of what waits and what runs: waiting ones are over, retries
/// too, executions are told to end.
pub(super) fn replace(step: &mut Step<'_>, job: &Job, job_no: JobNo, nominal: Nominal) {
    // Without a detail, so that a run of them is one record.
    drop_all(step, job_no, Some((SkipReason::Replaced, String::new())));
    let reason = format!("replaced by the occurrence of {}", civil::rfc3339(nominal.0, 0));
    let by = Cancellation::SCHEDULER.into();
    let cancel = Arc::new(Cancellation { at: step.at, by, reason });
    let groups: Vec<Group> = step.ledger.holders(job.name.as_str()).collect();
    for group in groups {
        end_group(step, group, None, &cancel, &mut Met::default());
    }
}

/// Takes its place at the end of the queue, or leaves a skipped record if that is full.
pub(super) fn enter(
    step: &mut Step<'_>,
    job: &Job,
    job_no: JobNo,
    cause: Cause,
    nominal: Nominal,
) -> Fired {
    let policy = job.policy();
    let depth = match policy.queue_depth {
        0 => limits::QUEUE_DEPTH,
        depth => depth,
    };
    if step.ledger.queue(job_no).take(depth as usize).count() >= depth as usize {
        let detail = format!("{depth} occurrences wait already");
        step.skip(job_no, one(nominal, SkipReason::QueueFull, detail));
        return match cause {
            cause if cause.is_by_hand() => Fired::Rejected(Rejection::QueueFull(depth)),
            _ => Fired::Skipped,
        };
    }
    if step.state(job_no).runtime.last_skipped.is_some() {
        // It is no skip: one after it is a record of its own.
        step.change(job_no, |runtime| runtime.last_skipped = None);
    }
    let patience = policy.start_deadline.unwrap_or(step.ledger.settings.start_deadline);
    let (since, until) = (step.at, step.at.after(patience));
    let no = QueueNo(step.next_seq().0);
    let queued = Queued { cause, nominal, since, until };
    step.rows.push(RowOp::PutNew(Row::Queued { job_no, no, queued: queued.clone() }));
    step.ledger.queued.insert((job_no, no), queued);
    step.ledger.derived.queue_ends.insert((until, job_no, no));
    step.look_ready(job_no);
    Fired::Queued(no)
}

/// It does not wait any more.
pub(super) fn leave(step: &mut Step<'_>, job_no: JobNo, no: QueueNo) -> Option<Queued> {
    let queued = step.ledger.queued.remove(&(job_no, no))?;
    step.rows.push(RowOp::Delete(RowKey::Queued(job_no, no)));
    step.ledger.derived.queue_ends.remove(&(queued.until, job_no, no));
    step.look_ready(job_no);
    Some(queued)
}

/// Nothing of a job waits any more; returns how many did. Without a reason nothing is recorded.
pub(super) fn drop_all(
    step: &mut Step<'_>,
    job_no: JobNo,
    why: Option<(SkipReason, String)>,
) -> u32 {
    let waiting: Vec<QueueNo> = step.ledger.queue(job_no).map(|(no, _)| no).collect();
    for no in waiting.iter().copied() {
        let queued = leave(step, job_no, no).expect("it was listed");
        if let Some((reason, detail)) = &why {
            step.skip(job_no, one(queued.nominal, *reason, detail));
        }
    }
    waiting.len() as u32
}
