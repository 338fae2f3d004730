//! What to do with slots that are due: one rule, by lateness alone, whatever the cause.

use alloc::vec::Vec;
use core::time::Duration;

use crate::domain::{Jitter, Job, Misfire, Nominal, Settings, Timestamp};
use crate::ledger::JobState;
use crate::schedule::Schedule;

/// Slots decided in one go; a job that is further behind goes on in the next.
const VERDICTS: usize = 64;
/// Missed slots are counted up to here.
const COUNTED: u64 = 1_000_000;
/// The smallest step of time.
const TICK: Duration = Duration::from_nanos(1);

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
        let bound = instant.after(TICK);
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

/// By which measure the slots of a job are late: its own wishes, else the cluster's.
#[derive(Clone, Copy)]
pub(super) struct Lateness {
    misfire: Misfire,
    threshold: Duration,
    deadline: Duration,
    jitter: Jitter,
}

impl Lateness {
    pub fn of(state: &JobState, settings: &Settings) -> Self {
        let policy = state.job.policy();
        let deadline = start_deadline(&state.job, settings);
        Lateness {
            misfire: policy.misfire.unwrap_or(settings.misfire),
            // What may not start any more is not on time either.
            threshold: threshold(&state.job, settings).min(deadline),
            deadline,
            jitter: state.jitter(),
        }
    }

    /// Decides the slots from `next` (which is due) to `now`, in nominal order; then the slot
    /// after.
    pub fn judge(
        &self,
        slots: &Slots<'_>,
        next: Nominal,
        now: Timestamp,
    ) -> (Vec<Verdict>, Option<Nominal>) {
        let mut verdicts = Vec::new();
        let mut upcoming = Some(next);
        let late = self.jitter.due_until(now.before(self.threshold).before(TICK));
        if next.0 <= late {
            let latest = slots.until(late).map_or(next, |latest| latest.max(next));
            let first = self.first_to_run(slots, next, latest, now);
            let last = first.map_or(latest, |first| before(slots, first, next));
            if first != Some(next) {
                let count = slots.count(next, last);
                verdicts.push(Verdict::Missed { first: next, last, count });
            }
            upcoming = first.or_else(|| slots.after(latest.0));
        }
        let due = self.jitter.due_until(now);
        while let Some(nominal) = upcoming.filter(|nominal| nominal.0 <= due) {
            if verdicts.len() >= VERDICTS {
                break;
            }
            verdicts.push(Verdict::Run(nominal));
            upcoming = slots.after(nominal.0);
        }
        (verdicts, upcoming)
    }

    /// The first of the late slots from `next` to `latest` that runs; all behind it run too.
    fn first_to_run(
        &self,
        slots: &Slots<'_>,
        next: Nominal,
        latest: Nominal,
        now: Timestamp,
    ) -> Option<Nominal> {
        let too_late = self.jitter.due_until(now.before(self.deadline).before(TICK));
        match self.misfire {
            Misfire::Skip => None,
            Misfire::RunOnce => Some(latest).filter(|latest| latest.0 > too_late),
            Misfire::RunAll { max } => {
                let open = if next.0 > too_late { next } else { slots.after(too_late)? };
                if open > latest {
                    return None;
                }
                if slots.count(open, latest) <= u64::from(max) {
                    return Some(open);
                }
                let mut first = latest;
                for _ in 1..max {
                    first = before(slots, first, open);
                }
                Some(first)
            }
        }
    }
}

/// A slot at most this late fires as if it were on time.
pub(super) fn threshold(job: &Job, settings: &Settings) -> Duration {
    job.policy().misfire_threshold.unwrap_or(settings.misfire_threshold)
}

/// A slot, retry or child that waited longer than this does not start any more.
pub(super) fn start_deadline(job: &Job, settings: &Settings) -> Duration {
    job.policy().start_deadline.unwrap_or(settings.start_deadline)
}

/// The slot before `later`, at least `first`.
fn before(slots: &Slots<'_>, later: Nominal, first: Nominal) -> Nominal {
    let earlier = slots.schedule.prev(later.0, slots.anchor);
    Nominal(earlier.map_or(first.0, |earlier| earlier.max(first.0)))
}

#[cfg(test)]
#[path = "lateness_tests.rs"]
mod tests;
