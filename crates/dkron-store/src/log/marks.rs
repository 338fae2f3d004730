//! How many bytes lie between two entries, and since when, without a number per entry.
//!
//! Invariant: marks are ordered by index and by bytes; the first one lies at or before the first
//! entry of the log.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

const MARK_BYTES: u64 = 64 << 10;

#[derive(Clone, Copy, Debug)]
struct Mark {
    first: u64,
    /// Bytes appended before the entry `first`.
    before: u64,
    at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Marks {
    marks: VecDeque<Mark>,
    total: u64,
    /// One past the last entry counted.
    end: u64,
}

impl Marks {
    pub(super) fn push(&mut self, index: u64, len: usize, at: Instant) {
        let due = self.marks.back().is_none_or(|mark| self.total - mark.before >= MARK_BYTES);
        if due || self.end != index {
            self.marks.push_back(Mark { first: index, before: self.total, at });
        }
        self.total += len as u64;
        self.end = index + 1;
    }

    pub(super) fn truncate_to(&mut self, end: u64) {
        if end >= self.end {
            return;
        }
        self.total = self.before(end);
        self.end = end;
        while self.marks.back().is_some_and(|mark| mark.first >= end) {
            self.marks.pop_back();
        }
    }

    pub(super) fn purge_to(&mut self, start: u64) {
        while self.marks.get(1).is_some_and(|second| second.first <= start) {
            self.marks.pop_front();
        }
        if start >= self.end {
            self.marks.clear();
            self.end = start;
        }
    }

    pub(super) fn bytes_of(&self, range: Range<u64>) -> u64 {
        if range.start >= range.end {
            return 0;
        }
        self.before(range.end).saturating_sub(self.before(range.start))
    }

    pub(super) fn purgeable(&self, keep_bytes: u64, keep_time: Duration) -> Option<u64> {
        let by_bytes = self.marks.partition_point(|m| self.total - m.before >= keep_bytes);
        let by_time = self.marks.partition_point(|m| m.at.elapsed() >= keep_time);
        let mark = self.marks.get(by_bytes.min(by_time).checked_sub(1)?)?;
        mark.first.checked_sub(1)
    }

    /// Bytes before an entry; between two marks the entries are taken as equally large.
    fn before(&self, index: u64) -> u64 {
        if index >= self.end {
            return self.total;
        }
        let next = self.marks.partition_point(|mark| mark.first <= index);
        let Some(mark) = next.checked_sub(1).and_then(|at| self.marks.get(at)) else {
            return self.marks.front().map_or(self.total, |mark| mark.before);
        };
        let (end, bytes) =
            self.marks.get(next).map_or((self.end, self.total), |mark| (mark.first, mark.before));
        let (span, done) = (u128::from(end - mark.first), u128::from(index - mark.first));
        let share = u128::from(bytes - mark.before) * done / span.max(1);
        mark.before + u64::try_from(share).expect("a share of a u64 fits into one")
    }
}
