//! After an outage thousands of missed slots may run. Their starts are spread: so many a second,
//! and as many at once. It knows no jobs; what is on time never asks it.

use core::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Room for starts that are late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CatchUp {
    /// When a whole second's starts are there again, on the monotonic clock.
    full_at: Duration,
}

impl CatchUp {
    /// Whether another may start now.
    pub fn has_room(&self, mono: Duration, rate: u32) -> bool {
        self.full_at.max(mono) + one(rate) <= mono + SECOND
    }

    /// One more starts.
    pub fn take(&mut self, mono: Duration, rate: u32) {
        self.full_at = self.full_at.max(mono) + one(rate);
    }
}

/// The share of one start in a second.
fn one(rate: u32) -> Duration {
    SECOND / rate.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_starts_at_once_then_so_many_a_second() {
        for rate in [0, 1, 3, 1000, 999_999_999] {
            let mut catch_up = CatchUp::default();
            let start = Duration::from_secs(50);
            let mut taken = [0_u64; 3];
            for (step, taken) in taken.iter_mut().enumerate() {
                let now = start + SECOND * step as u32;
                while catch_up.has_room(now, rate) && *taken < 2_000 {
                    catch_up.take(now, rate);
                    *taken += 1;
                }
            }
            let expected = u64::from(rate.clamp(1, 2_000));
            assert!(taken.iter().all(|taken| taken.abs_diff(expected) <= 1), "{rate}: {taken:?}");
        }
    }
}
