//! What happened within one minute, hour or day: counts by outcome, lag of starts, how long runs
//! took. Small, because every job that does something has two of them in memory.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Finish, Nominal, State, Timestamp};

/// The length of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Span {
    Minute,
    Hour,
    Day,
}

impl Span {
    pub const fn secs(self) -> i64 {
        match self {
            Span::Minute => 60,
            Span::Hour => 3600,
            Span::Day => 86_400,
        }
    }

    /// How many of them are kept: two days of minutes, two days of hours, five weeks of days.
    pub const fn kept(self) -> u32 {
        match self {
            Span::Minute => 2880,
            Span::Hour => 48,
            Span::Day => 35,
        }
    }

    /// Which one holds that instant, counted from 1970-01-01T00:00:00Z; days are those of UTC.
    pub fn of(self, at: Timestamp) -> u32 {
        u32::try_from(at.secs().div_euclid(self.secs()).max(0)).unwrap_or(u32::MAX)
    }

    /// When the one of that number began.
    pub const fn start(self, no: u32) -> Timestamp {
        Timestamp::from_secs(no as i64 * self.secs())
    }

    pub const fn word(self) -> &'static str {
        match self {
            Span::Minute => "minute",
            Span::Hour => "hour",
            Span::Day => "day",
        }
    }
}

/// One span of time. All numbers saturate.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Bucket {
    /// Its number, as `Span::of` counts.
    pub no: u32,
    pub success: u32,
    pub failed: u32,
    pub timed_out: u32,
    pub cancelled: u32,
    pub lost: u32,
    /// Slots that did not run.
    pub skipped: u32,
    pub lag: Lag,
    pub ran: Ran,
}

/// How late first attempts started after they were due.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Lag {
    pub count: u32,
    pub max_ms: u32,
    pub sum_ms: u64,
}

/// How long runs took that were started at all.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ran {
    pub max_ms: u32,
    pub sum_ms: u64,
    /// How many took how many milliseconds, by the number of binary digits: `(0, n)` took none,
    /// `(1, n)` one, `(2, n)` two or three, `(3, n)` four to seven. Ascending, without zeros.
    pub by_digits: Vec<(u32, u32)>,
}

/// What an execution adds to the buckets of its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    pub state: State,
    /// Milliseconds from the nominal instant to the start, of a first attempt.
    pub lag_ms: Option<u32>,
    /// Milliseconds from start to end.
    pub ran_ms: Option<u32>,
}

impl Ended {
    pub fn new(nominal: Nominal, attempt: u32, finish: &Finish) -> Self {
        let started_at = finish.started_at;
        // A further attempt is not late: it was not meant to start before.
        let lag_ms = started_at.filter(|_| attempt == 1).map(|at| millis(at.since(nominal.0)));
        let ran_ms = started_at.map(|at| millis(finish.finished_at.since(at)));
        Ended { state: finish.state, lag_ms, ran_ms }
    }
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

impl Bucket {
    pub fn new(no: u32) -> Self {
        Bucket { no, ..Bucket::default() }
    }

    /// Adds an execution. A state that is no end counts nothing.
    pub fn ended(&mut self, ended: Ended) {
        let count = match ended.state {
            State::Success => &mut self.success,
            State::Failed => &mut self.failed,
            State::TimedOut => &mut self.timed_out,
            State::Cancelled => &mut self.cancelled,
            State::Lost => &mut self.lost,
            State::Pending | State::Running | State::Unreachable => return,
        };
        *count = count.saturating_add(1);
        if let Some(lag) = ended.lag_ms {
            self.lag.add(lag);
        }
        if let Some(ran) = ended.ran_ms {
            self.ran.add(ran);
        }
    }

    /// Adds slots that did not run.
    pub fn skipped(&mut self, count: u64) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.skipped = self.skipped.saturating_add(count);
    }

    /// Executions that ended.
    pub fn executions(&self) -> u64 {
        let counts = [self.success, self.failed, self.timed_out, self.cancelled, self.lost];
        counts.into_iter().map(u64::from).sum()
    }

    /// Adds what another one holds; the number stays.
    pub fn merge(&mut self, other: &Bucket) {
        for (own, more) in [
            (&mut self.success, other.success),
            (&mut self.failed, other.failed),
            (&mut self.timed_out, other.timed_out),
            (&mut self.cancelled, other.cancelled),
            (&mut self.lost, other.lost),
            (&mut self.skipped, other.skipped),
            (&mut self.lag.count, other.lag.count),
        ] {
            *own = own.saturating_add(more);
        }
        self.lag.max_ms = self.lag.max_ms.max(other.lag.max_ms);
        self.lag.sum_ms = self.lag.sum_ms.saturating_add(other.lag.sum_ms);
        self.ran.max_ms = self.ran.max_ms.max(other.ran.max_ms);
        self.ran.sum_ms = self.ran.sum_ms.saturating_add(other.ran.sum_ms);
        for (digits, count) in &other.ran.by_digits {
            self.ran.count_digits(*digits, *count);
        }
    }
}

impl Lag {
    fn add(&mut self, ms: u32) {
        self.count = self.count.saturating_add(1);
        self.max_ms = self.max_ms.max(ms);
        self.sum_ms = self.sum_ms.saturating_add(u64::from(ms));
    }

    /// 0 if there is none.
    pub fn mean_ms(&self) -> u64 {
        self.sum_ms.checked_div(u64::from(self.count)).unwrap_or(0)
    }
}

impl Ran {
    fn add(&mut self, ms: u32) {
        self.max_ms = self.max_ms.max(ms);
        self.sum_ms = self.sum_ms.saturating_add(u64::from(ms));
        self.count_digits(u32::BITS - ms.leading_zeros(), 1);
    }

    fn count_digits(&mut self, digits: u32, more: u32) {
        match self.by_digits.binary_search_by_key(&digits, |(digits, _)| *digits) {
            Ok(at) => {
                let (_, count) = &mut self.by_digits[at];
                *count = count.saturating_add(more);
            }
            Err(at) => self.by_digits.insert(at, (digits, more)),
        }
    }

    pub fn count(&self) -> u64 {
        self.by_digits.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// 0 if there is none.
    pub fn mean_ms(&self) -> u64 {
        self.sum_ms.checked_div(self.count()).unwrap_or(0)
    }

    /// How long that share of the runs took at most, in thousandths: 500 is the median. Within a
    /// number of digits runs are taken as evenly spread, so it may be wrong by a factor of two;
    /// never above the longest. 0 if there is none.
    pub fn quantile_ms(&self, thousandths: u64) -> u64 {
        let rank = (self.count() * thousandths).div_ceil(1000).max(1);
        let mut before = 0;
        for (digits, count) in &self.by_digits {
            let count = u64::from(*count);
            if before + count >= rank {
                let low = if *digits == 0 { 0 } else { 1u64 << (digits - 1) };
                let at = low + low * (2 * (rank - before) - 1) / (2 * count);
                return at.min(u64::from(self.max_ms));
            }
            before += count;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(times: &[(u32, u32)]) -> Ran {
        let mut ran = Ran::default();
        for (ms, count) in times {
            for _ in 0..*count {
                ran.add(*ms);
            }
        }
        ran
    }

    #[test]
    fn numbers_of_spans() {
        let at = Timestamp::from_secs(1_767_225_600 + 3661);
        assert_eq!(Span::Hour.start(Span::Hour.of(at)), Timestamp::from_secs(1_767_229_200));
        assert_eq!(Span::Minute.start(Span::Minute.of(at)), Timestamp::from_secs(1_767_229_260));
        assert_eq!(Span::Day.start(Span::Day.of(at)), Timestamp::from_secs(1_767_225_600));
        assert_eq!(Span::Minute.of(Timestamp::YEAR_ONE), 0);
        assert_eq!(Span::Minute.of(Timestamp::new(i64::MAX, 0)), u32::MAX);
    }

    #[test]
    fn a_bucket_is_small() {
        assert!(size_of::<Bucket>() <= 88, "{}", size_of::<Bucket>());
    }

    #[test]
    fn quantiles_lie_within_a_factor_of_two() {
        assert_eq!(Ran::default().quantile_ms(500), 0);
        assert_eq!(ran(&[(0, 3)]).quantile_ms(990), 0);
        assert_eq!(ran(&[(7, 1)]).quantile_ms(500), 6);
        let mixed = ran(&[(3, 50), (100, 45), (5000, 5)]);
        assert_eq!(mixed.count(), 100);
        assert_eq!(mixed.mean_ms(), (150 + 4500 + 25_000) / 100);
        for (share, real) in [(500, 3), (900, 100), (990, 5000), (1000, 5000)] {
            let told = mixed.quantile_ms(share);
            assert!(told * 2 >= real && told <= real * 2, "{share}: {told}");
        }
        assert!(ran(&[(u32::MAX, 2)]).quantile_ms(1000) <= u64::from(u32::MAX));
    }

    #[test]
    fn merging_is_adding() {
        let end = |state, lag_ms, ran_ms| Ended { state, lag_ms, ran_ms };
        let ends = [
            end(State::Success, Some(3), Some(10)),
            end(State::Failed, None, Some(900)),
            end(State::TimedOut, Some(70), Some(60_000)),
            end(State::Lost, None, None),
            end(State::Cancelled, Some(0), Some(0)),
            end(State::Running, Some(1), Some(1)),
        ];
        let (mut whole, mut left, mut right) = (Bucket::new(7), Bucket::new(7), Bucket::new(8));
        for (n, ended) in ends.into_iter().enumerate() {
            whole.ended(ended);
            if n % 2 == 0 { left.ended(ended) } else { right.ended(ended) }
        }
        whole.skipped(5);
        right.skipped(5);
        left.merge(&right);
        assert_eq!(left, whole);
        assert_eq!((whole.executions(), whole.lag.count, whole.lag.mean_ms()), (5, 3, 24));
        whole.skipped(u64::MAX);
        assert_eq!(whole.skipped, u32::MAX);
    }
}
