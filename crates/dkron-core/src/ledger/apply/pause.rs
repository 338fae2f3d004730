//! Submissions are blocked or admitted; running and scheduled jobs go on.

use super::step::Step;
use crate::ledger::outcome::{Reply, RowOp};
use crate::ledger::row::Row;

pub(super) fn apply(step: &mut Step<'_>, paused: bool) -> Reply {
    step.ledger.paused = paused;
    step.rows.push(RowOp::Put(Row::Paused(paused)));
    Reply::Done
}
