//! How many instants lie in a stretch of time, without visiting them.

use super::cron::Cron;
use super::next::{FIRST, LAST, in_years};
use super::zone::Zone;
use super::{Rule, Schedule, once};
use crate::domain::{Dst, Timestamp};

impl Schedule {
    /// The number of instants after `from` and up to `to` itself, at most `cap`.
    ///
    /// `anchor` as in [`Schedule::next`].
    pub fn count(&self, from: Timestamp, to: Timestamp, cap: u64, anchor: Timestamp) -> u64 {
        let first = from.secs().saturating_add(1).max(FIRST);
        let last = to.secs().min(LAST);
        let all = match &self.rule {
            Rule::Manual => 0,
            Rule::At(at) => u64::from(from < *at && *at <= to && in_years(at.secs())),
            _ if first > last => 0,
            Rule::Every(every) => every.count(first, last, anchor),
            Rule::Cron(cron) => match self.dst {
                Dst::Dkron => count(cron, &self.zone, (first, last), cap),
                Dst::Once => once::count(cron, &self.zone, (first, last), cap),
            },
        };
        all.min(cap)
    }
}

fn count(cron: &Cron, zone: &Zone, (first, last): (i64, i64), cap: u64) -> u64 {
    let mut total = 0;
    let mut from = first;
    while from <= last && total < cap {
        let span = zone.span_onwards(from);
        let end = span.end.min(last + 1);
        total += cron.count(from + span.offset, end + span.offset);
        from = end;
    }
    total
}
