//! The cluster agrees on its settings.

use super::step::Step;
use crate::domain::Settings;
use crate::ledger::outcome::{Reply, RowOp};
use crate::ledger::row::Row;

pub(super) fn apply(step: &mut Step<'_>, settings: Settings) -> Reply {
    step.rows.push(RowOp::Put(Row::Settings(settings.clone())));
    step.ledger.settings = settings;
    step.ledger.settled = true;
    Reply::Done
}
