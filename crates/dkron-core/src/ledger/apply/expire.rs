//! History rows that nobody can ask for are removed, a bounded number at a time.

use super::late;
use super::step::Step;
use crate::domain::HistoryNo;
use crate::ledger::command::Expire;
use crate::ledger::outcome::{Effect, Reply, RowOp};
use crate::ledger::row::{Row, RowKey};

pub(super) fn apply(step: &mut Step<'_>, command: &Expire) -> Reply {
    let Expire { job_no, first, end } = *command;
    let Some(owed) = step.ledger.expiring.remove(&(job_no, first)) else {
        return Reply::Done;
    };
    step.rows.push(RowOp::Delete(RowKey::Expiring(job_no, first)));
    let end = HistoryNo(end.0.clamp(first.0, owed.0));
    for no in first.0..end.0 {
        step.rows.push(RowOp::Delete(RowKey::History(job_no, HistoryNo(no))));
    }
    let gone = end;
    if end < owed {
        step.ledger.expiring.insert((job_no, end), owed);
        step.rows.push(RowOp::Put(Row::Expiring { job_no, first: end, end: owed }));
        step.effects.push(Effect::Expire { job_no, first: end, end: owed });
    }
    late::drop_until(step, job_no, first, gone);
    Reply::Done
}
