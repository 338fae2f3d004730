//! The cluster agrees on its settings.

use super::step::Step;
use crate::domain::Settings;
use crate::ledger::outcome::{Reply, RowOp};
use crate::ledger::row::Row;

pub(super) fn apply(step: &mut Step<'_>, settings: Settings) -> Reply {
    if step.ledger.settled && step.ledger.settings.zone != settings.zone {
        // Next slots were computed for another zone. The leader corrects them; one that comes
        // before it is done looks at them, too.
        step.ledger.office.zone_data.clear();
        step.rows.push(RowOp::Put(Row::Office(step.ledger.office.clone())));
    }
    step.rows.push(RowOp::Put(Row::Settings(settings.clone())));
    step.ledger.settings = settings;
    step.ledger.settled = true;
    Reply::Done
}
