//! The leader's two clocks against each other: a step of the wall clock is seen, not obeyed.

use core::time::Duration;

use crate::domain::Now;

/// A smaller difference between two looks is drift.
const STEP_MILLIS: i64 = 2_000;
/// After a step forward nothing is decided for this long: the clock may be set back at once.
const HOLD: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// Wall minus monotonic clock at the last look.
    offset: Option<i128>,
    hold_until: Duration,
}

impl Clock {
    /// Takes a look; returns the milliseconds of a step, if there was one.
    pub fn observe(&mut self, now: Now) -> Option<i64> {
        let mono = i128::try_from(now.mono.as_nanos()).unwrap_or(i128::MAX);
        let offset = now.wall.unix_nanos() - mono;
        let before = self.offset.replace(offset)?;
        let millis = i64::try_from((offset - before) / 1_000_000).unwrap_or(i64::MAX);
        if millis.abs() < STEP_MILLIS {
            return None;
        }
        if millis > 0 {
            self.hold_until = now.mono + HOLD;
        }
        Some(millis)
    }

    /// Until when no slot is decided; `None` = decide.
    pub fn held(&self, mono: Duration) -> Option<Duration> {
        (mono < self.hold_until).then_some(self.hold_until)
    }
}
