//! What runs under a name is to end: because somebody wants so, or because a later occurrence
//! takes its place. Waiting retries end here; executions end when their nodes obey.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::queue;
use super::report::close_group;
use super::step::{Step, cut, one};
use crate::domain::{Cancellation, ExecutionId, Group, Seq, SkipReason};
use crate::ledger::command::Cancel;
use crate::ledger::outcome::{Effect, Rejection, Reply};
use crate::ledger::state::{Phase, Slot};

/// What a cancellation met.
#[derive(Default)]
pub(super) struct Met {
    pub executions: Vec<ExecutionId>,
    pub retries: u32,
}

pub(super) fn apply(step: &mut Step<'_>, command: &Cancel) -> Reply {
    let name = command.name.as_str();
    let groups: Vec<Group> = step.ledger.holders(name).collect();
    let job_no = step.ledger.derived.names.get(name).copied();
    if groups.is_empty() && job_no.is_none() {
        return Rejection::JobNotFound(command.name.clone()).into();
    }
    let (by, reason) = (cut(command.by.clone()), cut(command.reason.clone()));
    let cancel = Arc::new(Cancellation { at: step.at, by, reason });
    let mut met = Met::default();
    // What waits goes first: nothing of it may take its turn because of this.
    let queued = match (command.execution, job_no) {
        (None, Some(job_no)) => {
            let why = Some((SkipReason::Cancelled, words(&cancel)));
            queue::drop_all(step, job_no, why)
        }
        _ => 0,
    };
    for group in groups {
        end_group(step, group, command.execution, &cancel, &mut met);
    }
    match command.execution {
        Some(seq) if met.executions.is_empty() && met.retries == 0 => {
            Rejection::NotLive(seq).into()
        }
        _ => {
            let Met { executions, retries } = met;
            Reply::Cancelling { executions, retries, queued }
        }
    }
}

/// Marks a group's live executions and ends its waiting retries; `only` one of them if so wished.
pub(super) fn end_group(
    step: &mut Step<'_>,
    group: Group,
    only: Option<Seq>,
    cancel: &Arc<Cancellation>,
    met: &mut Met,
) {
    let meant = |slot: &Slot| slot.phase.is_live() && only.is_none_or(|seq| slot.seq == seq);
    let live = step.ledger.groups[&group].slots.iter().enumerate();
    let live: Vec<usize> = live.filter(|(_, slot)| meant(slot)).map(|(at, _)| at).collect();
    for at in live {
        let slot = &step.ledger.groups[&group].slots[at];
        let seq = slot.seq;
        met.executions.push(ExecutionId { seq, node: slot.target.node.clone() });
        // The first who wanted it stays, but a person's word counts more than the scheduler's.
        let first = slot.cancel.is_none();
        let outdone = slot.cancel.as_ref().is_some_and(|old| old.is_replacement());
        if first || (outdone && !cancel.is_replacement()) {
            step.group(group).slots[at].cancel = Some(cancel.clone());
        }
        if first {
            step.unsay_start(seq);
            step.effects.push(Effect::Cancel(seq));
        }
    }
    let ended = end_waiting(step, group, Some((only, cancel)));
    met.retries += ended;
    if ended > 0 {
        close_group(step, group);
    }
}

/// Ends a group's slots that wait for a further attempt: all, or those that a cancellation means,
/// which leaves a record. Returns how many; the caller closes the group.
pub(super) fn end_waiting(
    step: &mut Step<'_>,
    group: Group,
    cancelled: Option<(Option<Seq>, &Arc<Cancellation>)>,
) -> u32 {
    let only = cancelled.and_then(|(only, _)| only);
    let slots = step.ledger.groups[&group].slots.iter().enumerate();
    let waiting = slots.filter_map(|(at, slot)| match slot.phase {
        Phase::Waiting { retry_at } if only.is_none_or(|seq| slot.seq == seq) => {
            Some((at, retry_at, slot.seq, slot.attempt))
        }
        _ => None,
    });
    let waiting: Vec<_> = waiting.collect();
    for (at, retry_at, failed, attempt) in &waiting {
        let (retry_at, failed) = (*retry_at, *failed);
        let live = step.group(group);
        live.slots[*at].phase = Phase::Done { success: false };
        let (job_no, nominal) = (live.job_no, live.nominal);
        step.ledger.derived.retries.remove(&(retry_at, group, failed));
        // The same entry may have asked for it.
        let asked = Effect::Retry { at: retry_at, group, failed };
        step.effects.retain(|effect| *effect != asked);
        if let Some((_, cancel)) = cancelled {
            let reason = match cancel.is_replacement() {
                true => SkipReason::Replaced,
                false => SkipReason::Cancelled,
            };
            let detail = format!("attempt {}, {}", attempt + 1, words(cancel));
            step.skip(job_no, one(nominal, reason, detail));
        }
    }
    waiting.len() as u32
}

/// Who and why, for a skipped record.
fn words(cancel: &Cancellation) -> String {
    match (cancel.is_replacement(), cancel.reason.is_empty()) {
        (true, _) => cancel.reason.clone(),
        (false, true) => format!("by {}", cancel.by),
        (false, false) => format!("by {}: {}", cancel.by, cancel.reason),
    }
}
