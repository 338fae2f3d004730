//! The time index across jobs: a ring of pointers to finished executions, in the order in which
//! their ends were committed. Append-only and bounded without deletes; whoever reads it skips
//! pointers to rows that are gone.

use core::time::Duration;

use crate::domain::{HistoryNo, JobNo, Seq, Timestamp, limits};

/// How far the entry's clock may be behind the last pointer before that one counts as wrong.
const WRONG: Duration = Duration::from_secs(86_400);

/// Which pointers there are: `first..next`, less those whose place newer ones took.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Recent {
    pub first: u64,
    pub next: u64,
    /// Time of the last one; times never decrease, so that a time is found by bisection.
    pub at: Timestamp,
}

/// A finished execution by the time of its end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pointer {
    /// Its number; its place in the ring follows from it.
    pub no: u64,
    /// When its end was committed, by the clock of who proposed it, never before the one before.
    pub at: Timestamp,
    pub job_no: JobNo,
    pub history_no: HistoryNo,
    pub seq: Seq,
}

impl Pointer {
    /// Its place in the ring.
    pub const fn slot(no: u64) -> u64 {
        no % limits::TIME_INDEX
    }
}

impl Recent {
    /// The first pointer that the ring still holds.
    pub fn oldest(&self) -> u64 {
        self.first.max(self.next.saturating_sub(limits::TIME_INDEX))
    }

    /// The next pointer. If the last one is a day ahead, the clock was wrong: the index begins
    /// anew, as its times would not ascend.
    pub(super) fn point(
        &mut self,
        at: Timestamp,
        job_no: JobNo,
        history_no: HistoryNo,
        seq: Seq,
    ) -> Pointer {
        if self.at.since(at) > WRONG {
            self.first = self.next;
            self.at = at;
        }
        self.at = self.at.max(at);
        let no = self.next;
        self.next += 1;
        Pointer { no, at: self.at, job_no, history_no, seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(recent: &mut Recent, secs: i64) -> Pointer {
        recent.point(Timestamp::from_secs(secs), JobNo(2), HistoryNo(3), Seq(4))
    }

    #[test]
    fn times_never_decrease() {
        let mut recent = Recent::default();
        assert_eq!(point(&mut recent, 100).at, Timestamp::from_secs(100));
        assert_eq!(point(&mut recent, 40).at, Timestamp::from_secs(100));
        assert_eq!(point(&mut recent, 101).no, 2);
        assert_eq!((recent.oldest(), recent.next), (0, 3));
    }

    #[test]
    fn a_clock_that_was_wrong_begins_anew() {
        let mut recent = Recent::default();
        point(&mut recent, 100);
        point(&mut recent, 200_000);
        assert_eq!(point(&mut recent, 100).at, Timestamp::from_secs(100));
        assert_eq!((recent.oldest(), recent.next), (2, 3));
    }

    #[test]
    fn the_ring_forgets_the_oldest() {
        let next = 3 * limits::TIME_INDEX + 5;
        let mut recent = Recent { first: 7, next, at: Timestamp::from_secs(1) };
        let pointer = point(&mut recent, 2);
        assert_eq!(Pointer::slot(pointer.no), 5);
        assert_eq!(recent.oldest(), 2 * limits::TIME_INDEX + 6);
    }
}
