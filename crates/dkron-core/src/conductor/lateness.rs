//! What to do with slots that are due: one rule, by lateness alone, whatever the cause.

use alloc::vec::Vec;

use crate::domain::{Job, Nominal, Settings, Timestamp};
use crate::schedule::Schedule;

/// Slots decided in one go; a job that is further behind goes on in the next.
const VERDICTS: usize = 64;
/// Missed slots are counted up to here.
const COUNTED: u64 = 1_000_000;

/// The decision about one slot, or a run of missed ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Run(Nominal),
    Missed { first: Nominal, last: Nominal, count: u64 },
}

impl Verdict {
    pub fn first(self) -> Nominal {
        match self {
            Verdict::Run(nominal) => nominal,
            Verdict::Missed { first, .. } => first,
        }
    }
}

/// A job's slots as a sequence.
#[derive(Clone, Copy)]
pub(super) struct Slots<'a> {
    pub schedule: &'a Schedule,
    pub anchor: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl<'a> Slots<'a> {
    pub fn new(schedule: &'a Schedule, anchor: Timestamp, job: &Job) -> Self {
        Slots { schedule, anchor, expires_at: job.expires_at }
    }

    /// The first slot after that instant; none after the job expired.
    pub fn after(&self, instant: Timestamp) -> Option<Nominal> {
        let next = self.schedule.next(instant, self.anchor)?;
        let open = self.expires_at.is_none_or(|end| next <= end);
        open.then_some(Nominal(next))
    }

    /// The last slot at or before that instant.
    fn until(&self, instant: Timestamp) -> Option<Nominal> {
        let instant = self.expires_at.map_or(instant, |end| instant.min(end));
        let bound = instant.after(core::time::Duration::from_nanos(1));
        self.schedule.prev(bound, self.anchor).map(Nominal)
    }

    /// How many slots there are from `first`, which is one, to `last`.
    pub fn count(&self, first: Nominal, last: Nominal) -> u64 {
        1 + self.schedule.count(first.0, last.0, COUNTED, self.anchor)
    }

    /// The slots from `next` to `now` as one skipped run: first, last, count.
    pub fn undecided(&self, next: Nominal, now: Timestamp) -> (Nominal, Nominal, u64) {
        let last = self.until(now).map_or(next, |last| last.max(next));
        (next, last, self.count(next, last))
    }
}

/// Decides the slots from `next` (which is due) to `now`, in nominal order; then the slot after.
pub(super) fn judge(
    slots: &Slots<'_>,
    next: Nominal,
    now: Timestamp,
    settings: &Settings,
) -> (Vec<Verdict>, Option<Nominal>) {
    let mut verdicts = Vec::new();
    let mut upcoming = Some(next);
    let cutoff = now.before(settings.misfire_threshold);
    if next.0 < cutoff {
        // Beyond the threshold: the latest may run once, the others are one record.
        let before_cutoff = cutoff.before(core::time::Duration::from_nanos(1));
        let latest = slots.until(before_cutoff).map_or(next, |latest| latest.max(next));
        let runs = now.since(latest.0) <= settings.start_deadline;
        let count = slots.count(next, latest);
        let missed = if runs { count - 1 } else { count };
        if missed > 0 {
            let last = if runs { before(slots, latest, next) } else { latest };
            verdicts.push(Verdict::Missed { first: next, last, count: missed });
        }
        if runs {
            verdicts.push(Verdict::Run(latest));
        }
        upcoming = slots.after(latest.0);
    }
    while let Some(nominal) = upcoming.filter(|due| due.0 <= now) {
        if verdicts.len() >= VERDICTS {
            break;
        }
        verdicts.push(Verdict::Run(nominal));
        upcoming = slots.after(nominal.0);
    }
    (verdicts, upcoming)
}

/// The slot before `latest`, at least `first`.
fn before(slots: &Slots<'_>, latest: Nominal, first: Nominal) -> Nominal {
    let earlier = slots.schedule.prev(latest.0, slots.anchor);
    Nominal(earlier.map_or(first.0, |earlier| earlier.max(first.0)))
}
