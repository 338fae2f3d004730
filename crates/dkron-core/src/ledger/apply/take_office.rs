//! A leadership begins: the index of this entry is its tenure.

use super::step::Step;
use crate::domain::{RULES, Tenure};
use crate::ledger::command::TakeOffice;
use crate::ledger::outcome::{Reply, RowOp};
use crate::ledger::row::Row;
use crate::ledger::state::Office;

/// # Panics
/// If the leader works by rules that this server does not know.
pub(super) fn apply(step: &mut Step<'_>, command: TakeOffice) -> Reply {
    assert!(
        command.rules <= RULES,
        "entry {} is of a leader with rules {}, this server knows {RULES} at most: upgrade it",
        step.index,
        command.rules
    );
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
