//! The two clocks of one machine, derived from the world's time: a monotonic one with a zero and a
//! rate of its own, and a wall clock that may be set beside it.

use core::time::Duration;

use dkron_core::domain::{Now, Timestamp};

/// A second within 2026-01-01.
const EPOCH: i64 = 1_767_225_600;
const MILLION: i128 = 1_000_000;

#[derive(Clone, Debug)]
pub struct Clock {
    /// What the monotonic clock shows when the world begins.
    start: i128,
    /// Millionths by which it goes too fast.
    rate: i128,
    /// Wall clock when the monotonic one showed zero, as set now.
    zero: i128,
}

impl Clock {
    /// The wall clock begins within the first minutes of the year 2026.
    pub fn new(start: Duration, rate: i64, offset_nanos: i64) -> Self {
        let start = start.as_nanos() as i128;
        let epoch = Timestamp::from_secs(EPOCH).unix_nanos();
        Clock { start, rate: i128::from(rate), zero: epoch - start + i128::from(offset_nanos) }
    }

    pub fn now(&self, world: Duration) -> Now {
        let mono = self.nanos(world);
        let wall = Timestamp::from_unix_nanos(self.zero + mono);
        Now { wall, mono: Duration::from_nanos(mono as u64) }
    }

    fn nanos(&self, world: Duration) -> i128 {
        let world = world.as_nanos() as i128;
        self.start + world + world * self.rate / MILLION
    }

    /// The world's time at which the monotonic clock shows that, at the latest.
    pub fn when(&self, mono: Duration) -> Duration {
        let passed = (mono.as_nanos() as i128 - self.start).max(0);
        let world = passed * MILLION / (MILLION + self.rate) + 2;
        Duration::from_nanos(world as u64)
    }

    /// Somebody sets the wall clock.
    pub fn step(&mut self, millis: i64) {
        self.zero += i128::from(millis) * MILLION;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_not_before_what_it_was_asked_for() {
        for rate in [-3000, 0, 3000] {
            let clock = Clock::new(Duration::from_secs(77), rate, 5);
            for millis in [78_000, 78_001, 99_999, 177_777] {
                let mono = Duration::from_millis(millis);
                let shown = clock.now(clock.when(mono)).mono;
                assert!(shown >= mono && shown < mono + Duration::from_micros(1), "{shown:?}");
            }
        }
    }
}
