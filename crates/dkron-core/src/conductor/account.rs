//! A job's account of slots: when it starts, what its first slot is, what a change ends.

use crate::domain::{Job, Nominal, SkipReason, Skipped, Timestamp};
use crate::ledger::{Account, Runtime};
use crate::schedule::{Schedule, ScheduleKind};

use super::lateness::Slots;

/// Why a definition is stored; restores and switches open an account without looking back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Occasion {
    Write,
    Restore,
}

/// The job as it is stored now.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub job: &'a Job,
    pub runtime: &'a Runtime,
}

/// What storing `new` at `at` does to the account.
pub(super) fn account(
    stored: Option<Stored<'_>>,
    new: &Job,
    schedule: Option<&Schedule>,
    at: Timestamp,
    occasion: Occasion,
) -> Account {
    let rescheduled = stored.is_none_or(|old| old.job.schedule != new.schedule);
    let retimed = stored.is_none_or(|old| timing(old.job) != timing(new));
    let enabled = stored.is_some_and(|old| old.job.disabled && !new.disabled);
    let returns = stored.is_some_and(|old| old.runtime.leaving);
    let restart = rescheduled || retimed || enabled || returns || occasion == Occasion::Restore;
    if !restart {
        return Account::Keep;
    }
    let mark = stored.and_then(|old| old.runtime.mark);
    let anchor = match stored {
        Some(old) if !rescheduled => old.runtime.anchor,
        _ => at,
    };
    // Only a new schedule may be an `@at` that is past: it runs at once, or says that it did not.
    let past_counts = rescheduled && occasion == Occasion::Write;
    let next = match schedule.filter(|_| new.parent_job.is_none()) {
        Some(schedule) => first_slot(new, schedule, anchor, at, mark, past_counts),
        None => None,
    };
    Account::Restart { next, anchor: rescheduled }
}

/// What decides when a job's slots are, beside the text of its schedule.
fn timing(job: &Job) -> impl PartialEq + '_ {
    let (zone, policy) = (job.timezone.as_str(), job.policy());
    let zone = (zone, policy.dst, policy.jitter);
    (zone, job.starts_at, job.expires_at, job.parent_job.is_some())
}

fn first_slot(
    job: &Job,
    schedule: &Schedule,
    anchor: Timestamp,
    at: Timestamp,
    mark: Option<Nominal>,
    past_counts: bool,
) -> Option<Nominal> {
    let slots = Slots::new(schedule, anchor, job);
    if let ScheduleKind::At(instant) = schedule.kind()
        && past_counts
    {
        let open = job.starts_at.is_none_or(|start| start <= instant)
            && job.expires_at.is_none_or(|end| instant <= end);
        return open.then_some(Nominal(instant));
    }
    let mut after = at;
    if let Some(mark) = mark {
        after = after.max(mark.0);
    }
    if let Some(start) = job.starts_at {
        after = after.max(start.before(core::time::Duration::from_nanos(1)));
    }
    slots.after(after)
}

/// The slots that a change leaves undecided for ever.
pub(super) fn left_over(
    stored: Stored<'_>,
    schedule: Option<&Schedule>,
    at: Timestamp,
) -> Option<Skipped> {
    let next = stored.runtime.next.filter(|next| next.0 <= at)?;
    let slots = Slots::new(schedule?, stored.runtime.anchor, stored.job);
    let (first, last, count) = slots.undecided(next, at);
    let (reason, detail) = (SkipReason::Changed, Default::default());
    Some(Skipped { first, last, count, reason, detail })
}
