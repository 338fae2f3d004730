//! Jobs do not start by themselves for a while, and do again.
//!
//! A pause that is over stays until the leader says that nothing is undecided that fell due in it:
//! else a new leader would take for owed what nobody was to start.

use alloc::vec::Vec;

use super::step::{Step, cut};
use crate::domain::{PauseNo, SchedulingPause, limits};
use crate::ledger::command::{PauseScheduling, ResumeScheduling};
use crate::ledger::outcome::{Rejection, Reply, RowOp};
use crate::ledger::row::Row;

pub(super) fn pause(step: &mut Step<'_>, command: PauseScheduling) -> Reply {
    if step.ledger.pauses.len() >= limits::SCHEDULING_PAUSES {
        return Rejection::TooManyPauses(limits::SCHEDULING_PAUSES as u32).into();
    }
    let PauseScheduling { scope, until, by, reason } = command;
    let (id, since, resumed) = (PauseNo(step.index.0), step.at, false);
    let (by, reason) = (cut(by), cut(reason));
    let pause = SchedulingPause { id, since, until, resumed, scope, by, reason };
    step.ledger.pauses.insert(id, pause);
    write(step);
    Reply::SchedulingPaused(id)
}

pub(super) fn resume(step: &mut Step<'_>, command: ResumeScheduling) -> Reply {
    let at = step.at;
    let meant =
        |pause: &&mut SchedulingPause| !pause.resumed && command.id.is_none_or(|id| id == pause.id);
    let mut resumed = 0;
    for pause in step.ledger.pauses.values_mut().filter(meant) {
        pause.resumed = true;
        pause.until = Some(pause.until.map_or(at, |until| until.min(at)));
        resumed += 1;
    }
    match command.id {
        Some(id) if resumed == 0 => return Rejection::PauseNotFound(id).into(),
        _ if resumed > 0 => write(step),
        _ => {}
    }
    Reply::Resumed(resumed)
}

pub(super) fn end(step: &mut Step<'_>, id: PauseNo) -> Reply {
    let Some(pause) = step.ledger.pauses.get(&id) else { return Reply::Done };
    // A job may have been written since the leader looked.
    if pause.until.is_some_and(|until| !step.ledger.may_owe(pause, until)) {
        step.ledger.pauses.remove(&id);
        write(step);
    }
    Reply::Done
}

fn write(step: &mut Step<'_>) {
    let all: Vec<SchedulingPause> = step.ledger.pauses.values().cloned().collect();
    step.rows.push(RowOp::Put(Row::SchedulingPauses(all)));
}
