//! Virtual time: a monotonic clock that only the event queue moves, and a wall clock that may be
//! set beside it.

use core::time::Duration;

use dkron_core::domain::{Now, Timestamp};

/// A second within 2026-01-01.
const EPOCH: i64 = 1_767_225_600;

#[derive(Clone, Debug)]
pub struct Clock {
    mono: Duration,
    /// Wall clock when the monotonic one showed zero, as set now.
    zero: i128,
}

impl Clock {
    pub fn new(offset_nanos: u64) -> Self {
        let zero = Timestamp::from_secs(EPOCH).unix_nanos() + i128::from(offset_nanos);
        Clock { mono: Duration::from_secs(1), zero }
    }

    pub fn now(&self) -> Now {
        Now { wall: self.wall(), mono: self.mono }
    }

    pub fn mono(&self) -> Duration {
        self.mono
    }

    pub fn wall(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.zero + self.mono.as_nanos() as i128)
    }

    pub fn advance(&mut self, to: Duration) {
        self.mono = self.mono.max(to);
    }

    /// Somebody sets the wall clock.
    pub fn step(&mut self, millis: i64) {
        self.zero += i128::from(millis) * 1_000_000;
    }
}
