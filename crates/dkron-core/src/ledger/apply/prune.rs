//! Finished executions are given up: because of their age, or with their job.

use super::step::Step;
use crate::domain::{HistoryNo, JobNo};
use crate::ledger::command::Prune;
use crate::ledger::outcome::{Effect, Reply, RowOp};
use crate::ledger::row::Row;

pub(super) fn apply(step: &mut Step<'_>, command: &Prune) -> Reply {
    let state = step.ledger.jobs.get(&command.job_no);
    if state.is_some_and(|state| !state.runtime.deleted) {
        give_up(step, command.job_no, command.first);
    }
    Reply::Done
}

/// Nobody can ask for what came before `first` any more. Rows may be many: the leader removes
/// them in bounded steps.
pub(super) fn give_up(step: &mut Step<'_>, job_no: JobNo, first: HistoryNo) {
    let runtime = &step.state(job_no).runtime;
    let (old, end) = (runtime.first_no, first.min(runtime.next_no));
    if end <= old {
        return;
    }
    step.change(job_no, |runtime| runtime.first_no = end);
    step.ledger.expiring.insert((job_no, old), end);
    step.rows.push(RowOp::PutNew(Row::Expiring { job_no, first: old, end }));
    step.effects.push(Effect::Expire { job_no, first: old, end });
}
