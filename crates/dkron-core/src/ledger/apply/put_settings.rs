//! The cluster agrees on its settings.

use super::step::Step;
use crate::domain::Settings;
use crate::ledger::outcome::{Reply, RowOp};
use crate::ledger::row::Row;

pub(super) fn apply(step: &mut Step<'_>, settings: Settings) -> Reply {
    if step.ledger.settled {
        note_change(step, &settings);
    }
    step.rows.push(RowOp::Put(Row::Settings(settings.clone())));
    step.ledger.settings = settings;
    step.ledger.settled = true;
    Reply::Done
}

/// What a later leader has to know about the settings before these.
fn note_change(step: &mut Step<'_>, settings: &Settings) {
    let old = &step.ledger.settings;
    let (rezoned, lowered) = (old.zone != settings.zone, old.lost_after > settings.lost_after);
    let lease = step.ledger.longest_lease(step.at);
    let (at, office) = (step.at, &mut step.ledger.office);
    if rezoned {
        // Next slots were computed for another zone. The leader corrects them; one that comes
        // before it is done looks at them, too.
        office.zone_data.clear();
    }
    if lowered {
        (office.former_lost_after, office.lowered_at) = (lease, at);
    }
    if rezoned || lowered {
        step.rows.push(RowOp::Put(Row::Office(office.clone())));
    }
}
