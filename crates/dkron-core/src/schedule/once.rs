//! `dst: once`: what a schedule of fixed hours does when the clocks shift, if it is to run neither
//! twice nor not at all.
//!
//! One sentence again: **an instant fires iff a matching wall time lies in what the clock shows
//! for the first time at that instant.** A clock that runs evenly shows one new second at a time.
//! When it is set forward it shows all it skipped at once, so skipped wall times fire together, at
//! the first instant after the gap. When it is set back it shows nothing new until it is as far as
//! it was before, so a repeated wall time does not fire again.
//!
//! Only schedules whose hour field leaves out some hour are meant: one that runs in each hour
//! misses and doubles no absolute hour as it is.

use super::calendar::CYCLE_SECS;
use super::cron::Cron;
use super::next::{FIRST, LAST};
use super::zone::{REPEATS_FROM, WIDEST_OFFSET, Zone};

/// A stretch of time with one offset, and what the clock shows anew in it.
struct Fresh {
    offset: i64,
    start: i64,
    /// The first second after it.
    end: i64,
    /// From this instant on every second shows a new wall time; at or after `end` = none does.
    from: i64,
    /// Wall times from here on were never shown before `from`.
    seen: i64,
}

impl Fresh {
    fn around(zone: &Zone, secs: i64) -> Fresh {
        let (start, end) = (zone.span_backwards(secs).start, zone.span_onwards(secs).end);
        let offset = zone.span_onwards(secs).offset;
        if start == i64::MIN {
            return Fresh { offset, start, end, from: i64::MIN, seen: i64::MIN };
        }
        // Offsets differ by less than two widest ones: no shift longer ago left the clock ahead.
        let mut seen = i64::MIN;
        let mut until = start;
        while until > start.saturating_sub(2 * WIDEST_OFFSET) {
            let span = zone.span_backwards(until - 1);
            seen = seen.max(until + span.offset);
            if span.start == i64::MIN {
                break;
            }
            until = span.start.min(until - 1);
        }
        Fresh { offset, start, end, from: start.max(seen - offset), seen }
    }

    /// Whether wall times that were skipped match.
    fn skipped_match(&self, cron: &Cron) -> bool {
        self.from > i64::MIN && cron.count(self.seen, self.from + self.offset) > 0
    }

    fn first_from(&self, cron: &Cron, from: i64) -> Option<i64> {
        if from <= self.from && self.from < self.end && self.skipped_match(cron) {
            return Some(self.from);
        }
        let found = cron.first_from(from.max(self.from) + self.offset)? - self.offset;
        (found < self.end).then_some(found)
    }

    fn last_until(&self, cron: &Cron, until: i64) -> Option<i64> {
        if until < self.from {
            return None;
        }
        let found = cron.last_until(until + self.offset).map(|wall| wall - self.offset);
        let found = found.filter(|found| *found >= self.from);
        found.or_else(|| self.skipped_match(cron).then_some(self.from))
    }

    fn count(&self, cron: &Cron, first: i64, last: i64) -> u64 {
        let (start, end) = (first.max(self.from), self.end.min(last + 1));
        if start >= end {
            return 0;
        }
        let even = cron.count(start + self.offset, end + self.offset);
        let wall = self.from.saturating_add(self.offset);
        let gap = start == self.from && self.skipped_match(cron) && cron.count(wall, wall + 1) == 0;
        even + u64::from(gap)
    }
}

/// The first instant at or after `from`.
pub(super) fn first_from(cron: &Cron, zone: &Zone, from: i64) -> Option<i64> {
    let horizon = LAST.min(from.max(REPEATS_FROM).saturating_add(CYCLE_SECS));
    let mut from = from;
    while from <= horizon {
        let fresh = Fresh::around(zone, from);
        if let Some(found) = fresh.first_from(cron, from) {
            return Some(found);
        }
        if fresh.end == i64::MAX {
            return None;
        }
        // Skipped or not, a wall time fires at most the widest offset before it.
        let wall = cron.first_from(fresh.end - WIDEST_OFFSET)?;
        from = fresh.end.max(wall - WIDEST_OFFSET);
    }
    None
}

/// The last instant at or before `until`.
pub(super) fn last_until(cron: &Cron, zone: &Zone, until: i64) -> Option<i64> {
    let seen = until.saturating_sub(CYCLE_SECS);
    let mut until = until;
    while until >= FIRST {
        if (REPEATS_FROM..seen).contains(&until) {
            until = REPEATS_FROM;
        }
        let fresh = Fresh::around(zone, until);
        if let Some(found) = fresh.last_until(cron, until) {
            return Some(found);
        }
        if fresh.start == i64::MIN {
            return None;
        }
        let wall = cron.last_until(fresh.start - 1 + WIDEST_OFFSET)?;
        until = (fresh.start - 1).min(wall + WIDEST_OFFSET);
    }
    None
}

/// How many instants lie in `first..=last`, at most about `cap`.
pub(super) fn count(cron: &Cron, zone: &Zone, (first, last): (i64, i64), cap: u64) -> u64 {
    let mut total = 0;
    let mut from = first;
    while from <= last && total < cap {
        let fresh = Fresh::around(zone, from);
        total += fresh.count(cron, from, last);
        from = fresh.end;
    }
    total
}
