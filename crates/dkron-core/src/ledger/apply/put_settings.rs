//! The cluster agrees on its settings.

use super::step::Step;
use crate::domain::{Settings, Timestamp};
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
    // As long as anything runs from before an earlier lowering, that counts, too.
    let oldest = step.ledger.derived.live.first_key_value().map(|(seq, _)| *seq);
    let lease = oldest.map_or(old.lost_after, |seq| step.ledger.longest_lease(seq));
    let last = Timestamp::from_unix_nanos(i128::from(step.ledger.last_seq.0));
    let office = &mut step.ledger.office;
    if rezoned {
        // Next slots were computed for another zone. The leader corrects them; one that comes
        // before it is done looks at them, too.
        office.zone_data.clear();
    }
    if lowered {
        (office.former_lost_after, office.lowered_at) = (lease, last);
    }
    if rezoned || lowered {
        step.rows.push(RowOp::Put(Row::Office(office.clone())));
    }
}
