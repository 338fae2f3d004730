//! When a slot is due: its nominal instant, or somewhat later if the job wants its slots spread.
//!
//! Time is cut into windows as long as the jitter, at a place of its own for each job, and each
//! window draws one delay. A slot takes the delay of its window, but is not due after the first
//! instant of the next window: so slots never change their order, however close they are, and
//! from an instant one can tell back which slots are due by then.

use core::time::Duration;

use super::{JobNo, Nominal, Timestamp};

/// The delays of one job's slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jitter {
    job: u64,
    /// Milliseconds; delays are below it.
    span: u64,
}

impl Jitter {
    pub fn new(job_no: JobNo, span: Duration) -> Self {
        Jitter { job: job_no.0, span: u64::try_from(span.as_millis()).unwrap_or(u64::MAX) }
    }

    /// When the slot of that instant is due: never before it, less than the span after it, and
    /// never before an earlier one.
    pub fn due(&self, nominal: Nominal) -> Timestamp {
        if self.span == 0 {
            return nominal.0;
        }
        let window = self.span as i128 * 1_000_000;
        let place = nominal.0.unix_nanos() + i128::from(mix(self.job) % self.span) * 1_000_000;
        let (number, within) = (place.div_euclid(window), place.rem_euclid(window));
        let latest = window - within + self.delay(number + 1);
        let delay = self.delay(number).min(latest);
        nominal.0.after(Duration::from_nanos_u128(delay.max(0) as u128))
    }

    /// The last nominal instant that is due at or before `instant`.
    pub fn due_until(&self, instant: Timestamp) -> Timestamp {
        if self.span == 0 {
            return instant;
        }
        let end = instant.unix_nanos();
        // The first is due by then for sure, the second one is not.
        let (mut low, mut high) = (end - self.span as i128 * 1_000_000, end + 1);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let due = self.due(Nominal(Timestamp::from_unix_nanos(middle)));
            if due <= instant { low = middle } else { high = middle }
        }
        Timestamp::from_unix_nanos(low)
    }

    /// The delay of a window in nanoseconds, whole milliseconds.
    fn delay(&self, window: i128) -> i128 {
        let drawn = mix(mix(self.job) ^ window as u64);
        spread(drawn, self.span) as i128 * 1_000_000
    }
}

/// A number from `0..most` that follows evenly from `drawn`; 0 if there is none.
pub(crate) fn spread(drawn: u64, most: u64) -> u64 {
    ((u128::from(drawn) * u128::from(most)) >> 64) as u64
}

/// Spreads numbers that lie close together over all of their range.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_nanos(i128::from(millis) * 1_000_000)
    }

    #[test]
    fn slots_keep_their_order_within_the_span_and_can_be_told_back() {
        for (job, span) in [(1, 1), (2, 7), (3, 50), (4, 999), (5, 3_000)] {
            let jitter = Jitter::new(JobNo(job), Duration::from_millis(span));
            let mut before = at(i64::MIN / 2_000_000);
            for nominal in -5_000..5_000 {
                let due = jitter.due(Nominal(at(nominal)));
                assert!(due >= before, "job {job}: {nominal} comes before the one before it");
                let late = due.since(at(nominal));
                assert!(due >= at(nominal) && late < Duration::from_millis(span));
                before = due;
            }
            for instant in (-1_900..1_900).step_by(13) {
                let last = jitter.due_until(at(instant));
                let next = last.after(Duration::from_nanos(1));
                assert!(jitter.due(Nominal(last)) <= at(instant));
                assert!(jitter.due(Nominal(next)) > at(instant));
            }
        }
    }

    #[test]
    fn jobs_of_one_instant_are_spread_over_all_of_the_span() {
        let mut tenths = [0; 10];
        for job in 0..10_000 {
            let jitter = Jitter::new(JobNo(job), Duration::from_secs(1000));
            let midnight = Timestamp::from_secs(1_767_225_600);
            let late = jitter.due(Nominal(midnight)).since(midnight);
            tenths[(late.as_secs() / 100) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (500..1_300).contains(count)), "{tenths:?}");
    }

    #[test]
    fn without_a_span_a_slot_is_due_at_once() {
        let jitter = Jitter::new(JobNo(1), Duration::from_micros(900));
        assert_eq!(jitter.due(Nominal(at(5))), at(5));
        assert_eq!(jitter.due_until(at(5)), at(5));
    }
}
