//! A node takes nothing new, or takes runs again.

use super::step::{Step, cut};
use crate::domain::{Drain, limits};
use crate::ledger::command::SetEligibility;
use crate::ledger::outcome::{Rejection, Reply, RowOp};
use crate::ledger::row::Row;

pub(super) fn apply(step: &mut Step<'_>, command: SetEligibility) -> Reply {
    let SetEligibility { node, eligible, deadline, by, reason } = command;
    let drains = &mut step.ledger.drains;
    if eligible {
        if drains.remove(&node).is_none() {
            return Reply::Done;
        }
    } else {
        // Said again it is another wish about the same: since when stays.
        let since = drains.get(&node).map_or(step.at, |drain| drain.since);
        if drains.len() >= limits::DRAINS && !drains.contains_key(&node) {
            return Rejection::TooManyDrains(limits::DRAINS as u32).into();
        }
        let (by, reason) = (cut(by), cut(reason));
        drains.insert(node.clone(), Drain { node, since, deadline, by, reason });
    }
    let all = drains.values().cloned().collect();
    step.rows.push(RowOp::Put(Row::Drains(all)));
    Reply::Done
}
