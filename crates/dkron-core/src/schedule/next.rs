//! The neighbours of an instant: the next one that fires and the one before.
//!
//! Between two shifts of a zone the wall clock runs evenly, so the search is plain arithmetic
//! there. A shift ends the arithmetic, never the search.

use super::calendar::CYCLE_SECS;
use super::cron::Cron;
use super::zone::{REPEATS_FROM, WIDEST_OFFSET, Zone};
use super::{Rule, Schedule, once};
use crate::domain::{Dst, Timestamp};

/// The first and the last second in which anything fires: the years 1 to 9999.
pub(super) const FIRST: i64 = Timestamp::YEAR_ONE.secs();
pub(super) const LAST: i64 = Timestamp::MAX.secs();

impl Schedule {
    /// The first instant strictly after `after`; none after the year 9999.
    ///
    /// `anchor` counts for `@every` only: the instants are the anchor, cut to whole seconds, plus
    /// one distance, two, and so on.
    pub fn next(&self, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        if let Rule::At(instant) = self.rule {
            return Some(instant).filter(|instant| after < *instant && in_years(instant.secs()));
        }
        let from = after.secs().saturating_add(1).max(FIRST);
        let found = match &self.rule {
            Rule::Every(every) => every.first_from(from, anchor),
            Rule::Cron(cron) => match self.dst {
                Dst::Dkron => first_from(cron, &self.zone, from),
                Dst::Once => once::first_from(cron, &self.zone, from),
            },
            Rule::Manual | Rule::At(_) => None,
        };
        found.filter(|secs| in_years(*secs)).map(Timestamp::from_secs)
    }

    /// The last instant strictly before `before`; none before the year 1.
    pub fn prev(&self, before: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        if let Rule::At(instant) = self.rule {
            return Some(instant).filter(|instant| *instant < before && in_years(instant.secs()));
        }
        let whole =
            if before.nanos() > 0 { before.secs() } else { before.secs().saturating_sub(1) };
        let until = whole.min(LAST);
        let found = match &self.rule {
            Rule::Every(every) => every.last_until(until, anchor),
            Rule::Cron(cron) => match self.dst {
                Dst::Dkron => last_until(cron, &self.zone, until),
                Dst::Once => once::last_until(cron, &self.zone, until),
            },
            Rule::Manual | Rule::At(_) => None,
        };
        found.filter(|secs| in_years(*secs)).map(Timestamp::from_secs)
    }
}

pub(super) fn in_years(secs: i64) -> bool {
    (FIRST..=LAST).contains(&secs)
}

fn first_from(cron: &Cron, zone: &Zone, from: i64) -> Option<i64> {
    // A cycle of the calendar after all rules have begun to repeat, everything has been seen.
    let horizon = LAST.min(from.max(REPEATS_FROM).saturating_add(CYCLE_SECS));
    let mut from = from;
    while from <= horizon {
        let span = zone.span_onwards(from);
        let found = cron.first_from(from + span.offset)? - span.offset;
        if found < span.end {
            return Some(found);
        }
        // Whatever the next offset is, its wall clock is not further back than this.
        let wall = cron.first_from(span.end - WIDEST_OFFSET)?;
        from = span.end.max(wall - WIDEST_OFFSET);
    }
    None
}

fn last_until(cron: &Cron, zone: &Zone, until: i64) -> Option<i64> {
    // Before this the cycle is the same as the one behind it.
    let seen = until.saturating_sub(CYCLE_SECS);
    let mut until = until;
    while until >= FIRST {
        if (REPEATS_FROM..seen).contains(&until) {
            until = REPEATS_FROM;
        }
        let span = zone.span_backwards(until);
        let found = cron.last_until(until + span.offset)? - span.offset;
        if found >= span.start {
            return Some(found);
        }
        let wall = cron.last_until(span.start - 1 + WIDEST_OFFSET)?;
        until = (span.start - 1).min(wall + WIDEST_OFFSET);
    }
    None
}
