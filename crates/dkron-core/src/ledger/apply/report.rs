//! Executions started or ended. An end counts once, frees the slot, and leaves owed triggers;
//! it starts nothing itself.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::delete_job::remove;
use super::figures;
use super::late;
use super::queue;
use super::step::Step;
use crate::domain::{
    Finish, Group, HistoryNo, Job, JobNo, Record, Seq, SkipReason, State, Status, Timestamp,
};
use crate::ledger::command::Report;
use crate::ledger::outcome::{Effect, Reply, RowOp};
use crate::ledger::row::{Row, RowKey};
use crate::ledger::state::{LiveGroup, Phase, Processing, Slot};

pub(super) fn apply(step: &mut Step<'_>, report: Report) -> Reply {
    for (seq, started_at) in report.starts {
        start_slot(step, seq, started_at);
    }
    for end in report.ends {
        end_slot(step, end.seq, end.finish, end.retry_at);
    }
    Reply::Done
}

fn start_slot(step: &mut Step<'_>, seq: Seq, started_at: Timestamp) {
    let Some(group) = step.ledger.derived.live.get(&seq).copied() else {
        return;
    };
    let slots = &mut step.group(group).slots;
    let slot = slots.iter_mut().find(|slot| slot.seq == seq).expect("its slot");
    if slot.phase == Phase::Pending {
        slot.phase = Phase::Running { started_at };
        step.ledger.derived.pending.remove(&seq);
    }
}

/// Ends an execution. One that is not live was ended before: its result comes late, or again.
pub(super) fn end_slot(step: &mut Step<'_>, seq: Seq, finish: Finish, retry_at: Timestamp) {
    assert!(finish.state.is_terminal(), "execution {seq} ends in a state that is no end");
    let Some(group_no) = step.ledger.derived.live.remove(&seq) else {
        return late::report(step, seq, finish);
    };
    step.ledger.derived.pending.remove(&seq);
    let live = step.ledger.groups.get(&group_no).expect("a live execution has its group").clone();
    let at = live.slots.iter().position(|slot| slot.seq == seq).expect("its slot");
    let slot = &live.slots[at];
    leave_node(step, slot);
    let state = step.state(live.job_no);
    let deleted = state.runtime.deleted;
    let job = step.ledger.definition(live.job_no, live.version).expect("a pinned definition");
    let job = job.clone();
    let success = finish.state == State::Success;
    let wanted = slot.cancel.is_none() && !deleted;
    let again = wanted && may_retry(&job, slot.attempt, finish.state);
    if !deleted {
        count(step, live.job_no, &finish);
        keep(step, &live, slot, &job, finish);
    }
    let phase = if again { Phase::Waiting { retry_at } } else { Phase::Done { success } };
    step.group(group_no).slots[at].phase = phase;
    if again {
        step.ledger.derived.retries.insert((retry_at, group_no, seq));
        step.effects.push(Effect::Retry { at: retry_at, group: group_no, failed: seq });
    }
    close_group(step, group_no);
}

fn leave_node(step: &mut Step<'_>, slot: &Slot) {
    let by_node = &mut step.ledger.derived.by_node;
    if let Some(seqs) = by_node.get_mut(&slot.target.node) {
        seqs.remove(&slot.seq);
        if seqs.is_empty() {
            by_node.remove(&slot.target.node);
        }
    }
}

/// What is lost is tried again only if the job says so: nobody knows that it did not run.
fn may_retry(job: &Job, attempt: u32, state: State) -> bool {
    job.policy().retry.on.covers(state) && attempt <= job.retries
}

fn count(step: &mut Step<'_>, job_no: JobNo, finish: &Finish) {
    let finished_at = finish.finished_at;
    step.change(job_no, |runtime| {
        if finish.state == State::Success {
            runtime.success_count = runtime.success_count.saturating_add(1);
            runtime.last_success = runtime.last_success.max(Some(finished_at));
        } else {
            runtime.error_count = runtime.error_count.saturating_add(1);
            runtime.last_error = runtime.last_error.max(Some(finished_at));
        }
    });
}

/// Moves an execution to the history; the oldest beyond the retention go blindly by number.
fn keep(step: &mut Step<'_>, live: &LiveGroup, slot: &Slot, job: &Job, finish: Finish) {
    let job_no = live.job_no;
    let record = Arc::new(Record {
        seq: slot.seq,
        job_no,
        job_name: job.name.clone(),
        version: live.version,
        node: slot.target.node.clone(),
        group: live.group,
        attempt: slot.attempt,
        cause: live.cause.clone(),
        nominal: live.nominal,
        fired_at: slot.fired_at,
        finish,
        cancel: slot.cancel.clone(),
    });
    let state = step.state(job_no);
    let no = state.runtime.next_no;
    // The wish of today, not that of the run.
    let kept = state.job.policy().keep_executions;
    let kept = u64::from(kept.unwrap_or(step.ledger.settings.keep_executions));
    step.rows.push(RowOp::PutNew(Row::History { no, record: record.clone() }));
    figures::ended(step, no, &record);
    if record.finish.state == State::Lost {
        late::expect(step, record.seq, job_no, no);
    }
    let mut dropped = Vec::new();
    step.change(job_no, |runtime| {
        runtime.next_no.0 += 1;
        while runtime.next_no.0 - runtime.first_no.0 > kept && dropped.len() < PRUNED_AT_ONCE {
            dropped.push(runtime.first_no);
            runtime.first_no = HistoryNo(runtime.first_no.0 + 1);
        }
    });
    if let (Some(first), Some(last)) = (dropped.first(), dropped.last()) {
        late::drop_until(step, job_no, *first, HistoryNo(last.0 + 1));
    }
    step.rows.extend(dropped.into_iter().map(|no| RowOp::Delete(RowKey::History(job_no, no))));
    if !job.processors.is_empty() {
        let seq = record.seq;
        let processing = Processing { no, record };
        step.rows.push(RowOp::PutNew(Row::Processing(processing.clone())));
        step.ledger.processing.insert(seq, processing);
        step.ledger.derived.processing_of.insert((job_no, seq));
        step.pin(job_no, live.version);
        step.effects.push(Effect::Process(seq));
    }
}

/// Rows that one end removes at most: a lowered retention is reached step by step.
const PRUNED_AT_ONCE: usize = 16;

/// Ends a group whose every target's last attempt is terminal.
pub(super) fn close_group(step: &mut Step<'_>, group_no: Group) {
    let live = step.ledger.groups.get(&group_no).expect("the caller changed it");
    if live.slots.iter().any(|slot| !matches!(slot.phase, Phase::Done { .. })) {
        return;
    }
    let live = step.ledger.groups.remove(&group_no).expect("seen above");
    step.rows.push(RowOp::Delete(RowKey::Group(group_no)));
    let job = step.ledger.definition(live.job_no, live.version).expect("a pinned definition");
    let job = job.clone();
    let holders = &mut step.ledger.derived.holders;
    if let Some(groups) = holders.get_mut(&job.name) {
        groups.remove(&group_no);
        if groups.is_empty() {
            holders.remove(&job.name);
        }
    }
    if !step.state(live.job_no).runtime.deleted {
        settle(step, &live, &job);
    }
    if step.ledger.jobs.contains_key(&live.job_no) {
        step.unpin(live.job_no, live.version);
    }
    if let Some(job_no) = step.ledger.derived.names.get(&job.name).copied() {
        step.look_ready(job_no);
    }
}

/// The status, the children that are owed a start, and the end of an ephemeral job.
fn settle(step: &mut Step<'_>, live: &LiveGroup, job: &Job) {
    let good = |slot: &&Slot| slot.phase == Phase::Done { success: true };
    let good = live.slots.iter().filter(good).count();
    let status = match good {
        n if n == live.slots.len() => Status::Success,
        0 => Status::Failed,
        _ => Status::PartiallyFailed,
    };
    step.change(live.job_no, |runtime| runtime.status = status);
    if status != Status::Success {
        return;
    }
    let children: Vec<JobNo> = {
        let names = step.ledger.children(job.name.as_str());
        names.filter_map(|name| step.ledger.derived.names.get(name).copied()).collect()
    };
    let (at, parent) = (step.at, live.group);
    for child in children.iter().copied() {
        step.ledger.owed.insert((parent, child), at);
        step.ledger.derived.owed_to.insert((child, parent));
        step.rows.push(RowOp::PutNew(Row::Owed { parent, child, at }));
        step.effects.push(Effect::Child { parent, child });
    }
    if job.ephemeral && children.is_empty() {
        step.change(live.job_no, |runtime| {
            runtime.leaving = true;
            runtime.next = None;
        });
        let detail = String::from("the job is ephemeral and succeeded");
        queue::drop_all(step, live.job_no, Some((SkipReason::Changed, detail)));
        leave_if_done(step, live.job_no);
    }
}

/// Deletes a leaving job once no output of it waits for processors.
pub(super) fn leave_if_done(step: &mut Step<'_>, job_no: JobNo) {
    let runtime = &step.state(job_no).runtime;
    if !runtime.leaving || runtime.deleted {
        return;
    }
    let own = (job_no, Seq(0))..=(job_no, Seq(u64::MAX));
    if step.ledger.derived.processing_of.range(own).next().is_none() {
        remove(step, job_no, false);
    }
}
