//! Pauses of scheduling: what may be asked for, what becomes of slots that fall due in one, and
//! its end. A slot is never left undecided by a pause: it is skipped when it falls due, so that
//! whoever leads at the end owes nothing of it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::action::Action;
use super::lateness::Slots;
use super::proposals::Proposal;
use super::{Conductor, settings, versions};
use crate::domain::{
    Cancellation, Job, Nominal, Now, SchedulingPause, SkipReason, Timestamp, limits,
};
use crate::ledger::{Command, Decision, Fire, JobState, Ledger, PauseScheduling, Queued, Trigger};

/// The smallest step of time.
const TICK: Duration = Duration::from_nanos(1);

/// Whether all of the cluster knows pauses of scheduling.
pub(super) fn is_known(ledger: &Ledger) -> Result<(), String> {
    let (version, least) = (ledger.version(), versions::PAUSES);
    if version < least {
        return Err(format!(
            "the cluster is at version {version}, scheduling can be paused from {least} on: \
             upgrade all servers and nodes first"
        ));
    }
    Ok(())
}

/// Checks what somebody wants; the text names the field and what would be right.
pub(super) fn check(ledger: &Ledger, wanted: &PauseScheduling, now: Now) -> Result<(), String> {
    is_known(ledger)?;
    if wanted.by == Cancellation::SCHEDULER {
        return Err(settings::reserved(&wanted.by));
    }
    if wanted.until.is_some_and(|until| until <= now.wall) {
        return Err("until: that instant is over, name a later one".into());
    }
    let (bytes, most) = (wanted.scope.bytes(), limits::SCOPE_BYTES);
    if bytes > most {
        return Err(format!("scope: {bytes} bytes of names are too many, at most {most}"));
    }
    Ok(())
}

/// The record of the slots from `next` on that fell due in a pause, all of them, if `next` did.
pub(super) fn slots(
    ledger: &Ledger,
    state: &JobState,
    slots: &Slots<'_>,
    next: Nominal,
    now: Timestamp,
) -> Option<Fire> {
    let jitter = state.jitter();
    let pause = ledger.stopped(&state.job, jitter.due(next))?;
    let end = pause.until.map_or(now, |until| now.min(until.before(TICK)));
    let (nominal, last, count) = slots.undecided(next, jitter.due_until(end));
    let (job_no, version) = (state.job_no, state.runtime.version);
    let (reason, detail) = (SkipReason::Paused, pause.reason.clone());
    let decision = Decision::Skip { last, count, reason, detail };
    let (trigger, next) = (Trigger::Schedule, slots.after(last.0));
    Some(Fire { job_no, version, trigger, nominal, next, decision })
}

/// A child that is owed since that instant.
pub(super) fn child(ledger: &Ledger, job: &Job, nominal: Nominal) -> Option<Decision> {
    ledger.stopped(job, nominal.0).map(|pause| skip(pause, nominal))
}

/// An occurrence whose turn has come; who asked for a run gets it.
pub(super) fn turn(ledger: &Ledger, job: &Job, queued: &Queued, now: Now) -> Option<Decision> {
    if queued.cause.is_by_hand() {
        return None;
    }
    ledger.stopped(job, now.wall).map(|pause| skip(pause, queued.nominal))
}

fn skip(pause: &SchedulingPause, nominal: Nominal) -> Decision {
    let (reason, detail) = (SkipReason::Paused, pause.reason.clone());
    Decision::Skip { last: nominal, count: 1, reason, detail }
}

impl Conductor {
    /// Pauses that are over go, once nothing is undecided that fell due in them.
    pub(super) fn end_pauses(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        for pause in ledger.scheduling_pauses() {
            let Some(until) = pause.until.filter(|until| *until <= now.wall) else { continue };
            if self.ending_pauses.contains(&pause.id) || ledger.may_owe(pause, until) {
                continue;
            }
            let id = pause.id;
            self.ending_pauses.insert(id);
            self.propose(Proposal::PauseEnd { id }, Command::EndPause(id), now, out);
        }
    }
}
