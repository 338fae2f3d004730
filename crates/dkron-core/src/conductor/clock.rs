//! The leader's two clocks against each other: a step of the wall clock is seen, not obeyed. A
//! clock that stands still, or is pulled faster than any correction would, is a step in parts.

use core::time::Duration;

use crate::domain::Now;

/// A smaller difference within `WINDOW` is drift.
const STEP_NANOS: i128 = 2_000_000_000;
const WINDOW: Duration = Duration::from_secs(10);
/// After a step forward nothing is decided for this long: the clock may be set back at once.
const HOLD: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// Wall minus monotonic clock at the last look.
    offset: Option<i128>,
    /// How far the wall clock moved against the other since `since`, not told of yet.
    moved: i128,
    since: Duration,
    told_at: Option<Duration>,
    hold_until: Duration,
}

impl Clock {
    /// Takes a look; returns the milliseconds of a step, if there is one to tell.
    pub fn observe(&mut self, now: Now) -> Option<i64> {
        let mono = i128::try_from(now.mono.as_nanos()).unwrap_or(i128::MAX);
        let offset = now.wall.unix_nanos() - mono;
        let step = offset - self.offset.replace(offset)?;
        self.moved += step;
        if self.moved.abs() < STEP_NANOS {
            if now.mono.saturating_sub(self.since) >= WINDOW {
                (self.moved, self.since) = (0, now.mono);
            }
            return None;
        }
        if self.moved > 0 {
            self.hold_until = now.mono + HOLD;
        }
        // A clock that stands still would be told of all the time.
        let told = self.told_at.is_some_and(|at| now.mono.saturating_sub(at) < WINDOW);
        if told && step.abs() < STEP_NANOS && self.moved < 0 {
            return None;
        }
        let millis = i64::try_from(self.moved / 1_000_000).unwrap_or(i64::MAX);
        (self.moved, self.since, self.told_at) = (0, now.mono, Some(now.mono));
        Some(millis)
    }

    /// Until when no slot is decided; `None` = decide.
    pub fn held(&self, mono: Duration) -> Option<Duration> {
        (mono < self.hold_until).then_some(self.hold_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    /// What is told when the wall clock is ahead of the other by these milliseconds, looked at
    /// every half second.
    fn told(ahead: &[i64]) -> alloc::vec::Vec<i64> {
        let mut clock = Clock::default();
        let looks = ahead.iter().zip(1u64..);
        let look = |(ahead, at): (&i64, u64)| {
            let mono = Duration::from_millis(500 * at);
            let wall = Timestamp::default().after(Duration::from_secs(1_000_000)).after(mono);
            let span = Duration::from_millis(ahead.unsigned_abs());
            let wall = if *ahead < 0 { wall.before(span) } else { wall.after(span) };
            clock.observe(Now { wall, mono })
        };
        looks.filter_map(look).collect()
    }

    #[test]
    fn steps_are_told_and_drift_is_not() {
        assert_eq!(told(&[0, 0, 90_000, 90_000]), [90_000]);
        assert_eq!(told(&[0, 0, -3_600_000, -3_600_000, 0]), [-3_600_000, 3_600_000]);
        let slow: alloc::vec::Vec<i64> = (0..2_000).map(|look| look * 50).collect();
        assert!(told(&slow).is_empty(), "a tenth too fast");
    }

    #[test]
    fn a_clock_that_stands_still_is_told_of_now_and_then() {
        let still: alloc::vec::Vec<i64> = (0..60).map(|look| -500 * look).collect();
        assert_eq!(told(&still), [-2_000, -10_000, -10_000]);
    }
}
