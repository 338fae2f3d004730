//! From a row to what it means. It looks at the index as it was before the row: that is the same
//! on every server, as the rows are.

use dkron_core::domain::{Cause, ExecutionId, JobName, JobNo, Record, Version};
use dkron_core::ledger::{LiveGroup, Phase, Row, RowKey, RowOp, Slot};

use super::event::{Ended, Happening};
use crate::reader::Index;

pub type Happened = (Option<JobName>, Happening);

pub fn of(row: &RowOp, index: &Index, out: &mut Vec<Happened>) {
    match row {
        RowOp::PutNew(Row::History { record, .. }) => {
            out.push((Some(record.job_name.clone()), ended(record)));
        }
        RowOp::Put(row) | RowOp::PutNew(row) => put(row, index, out),
        RowOp::Delete(RowKey::Runtime(job_no)) => deleted(*job_no, index, out),
        RowOp::Delete(_) => {}
    }
}

fn put(row: &Row, index: &Index, out: &mut Vec<Happened>) {
    let what = match row {
        Row::Definition { version, job, .. } => {
            let name = Some(job.name.clone());
            let what = match *version {
                Version(1) => Happening::JobCreated(*version),
                version => Happening::JobChanged(version),
            };
            return out.push((name, what));
        }
        Row::Runtime { job_no, runtime } if runtime.deleted => return deleted(*job_no, index, out),
        Row::Group(group) => return changed(group, index, out),
        Row::Skipped { job_no, skipped, .. } => {
            let what = Happening::Skipped(Box::new(skipped.clone()));
            return out.push((index.name_of(*job_no), what));
        }
        Row::Paused(paused) => Happening::Paused(*paused),
        Row::SchedulingPauses(pauses) => Happening::SchedulingPaused(pauses.len()),
        Row::Settings(_) => Happening::SettingsChanged,
        Row::Drains(drains) => Happening::Drained(drains.len()),
        // It changes for other reasons too.
        Row::Office(office) if index.tenure == office.tenure => return,
        Row::Office(office) => {
            Happening::Leader { server: office.server.clone(), tenure: office.tenure }
        }
        _ => return,
    };
    out.push((None, what));
}

/// Once: a name that is gone is not deleted again.
fn deleted(job_no: JobNo, index: &Index, out: &mut Vec<Happened>) {
    if let Some(name) = index.name_of(job_no).filter(|name| index.job_no(name) == Some(job_no)) {
        out.push((Some(name), Happening::JobDeleted));
    }
}

/// Attempts that are new in the group, and those that have begun.
fn changed(group: &LiveGroup, index: &Index, out: &mut Vec<Happened>) {
    let old = index.group(group.group);
    let before = |slot: &Slot| {
        let slots = old.map(|old| old.slots.as_slice()).unwrap_or_default();
        slots.iter().find(|old| old.seq == slot.seq).map(|old| old.phase)
    };
    let id = |slot: &Slot| ExecutionId { seq: slot.seq, node: slot.target.node.clone() };
    let name = index.name_of(group.job_no);
    let live = group.slots.iter().filter(|slot| slot.phase.is_live());
    let new = live.clone().filter(|slot| before(slot).is_none());
    let executions: Vec<_> = new.map(|slot| (id(slot), slot.attempt)).collect();
    if !executions.is_empty() {
        let cause = match group.cause {
            _ if executions.iter().all(|(_, attempt)| *attempt > 1) => "retry",
            Cause::Schedule => "schedule",
            Cause::Manual(_) | Cause::ByHand(_) => "manual",
            Cause::Child(_) => "child",
        };
        let (group, nominal) = (group.group, group.nominal);
        out.push((name.clone(), Happening::Fired { group, nominal, cause, executions }));
    }
    for slot in live {
        if let Phase::Running { started_at } = slot.phase
            && !matches!(before(slot), Some(Phase::Running { .. }))
        {
            out.push((name.clone(), Happening::Started { id: id(slot), at: started_at }));
        }
    }
}

fn ended(record: &Record) -> Happening {
    let finish = &record.finish;
    Happening::Ended(Box::new(Ended {
        id: ExecutionId { seq: record.seq, node: record.node.clone() },
        group: record.group,
        attempt: record.attempt,
        nominal: record.nominal,
        state: finish.state,
        reason: finish.reason.word(),
        exit_code: finish.exit_code,
        started_at: finish.started_at,
        finished_at: finish.finished_at,
    }))
}
