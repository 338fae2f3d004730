//! A leadership begins: the index of this entry is its tenure.

use super::step::Step;
use crate::domain::Tenure;
use crate::ledger::command::TakeOffice;
use crate::ledger::outcome::{Reply, RowOp};
use crate::ledger::row::Row;
use crate::ledger::state::Office;

pub(super) fn apply(step: &mut Step<'_>, command: TakeOffice) -> Reply {
    let tenure = Tenure(step.index.0);
    let former = core::mem::take(&mut step.ledger.office);
    step.ledger.office = Office {
        tenure,
        server: command.server,
        boot_id: command.boot_id,
        at: step.at,
        zone_data: command.zone_data,
        rules: former.rules.max(command.rules),
        ..former
    };
    step.rows.push(RowOp::Put(Row::Office(step.ledger.office.clone())));
    Reply::InOffice(tenure)
}
