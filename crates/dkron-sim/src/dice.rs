//! The only source of chance: a seed gives the same throws on every machine.

use core::time::Duration;

/// Splitmix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// `0..limit`; 0 for an empty range.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.throw() % limit.max(1)
    }

    /// Both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True in so many of a hundred thousand cases.
    pub fn chance(&mut self, of_100_000: u32) -> bool {
        of_100_000 > 0 && self.below(100_000) < u64::from(of_100_000)
    }

    pub fn percent(&mut self, percent: u32) -> bool {
        self.chance(percent * 1000)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(self.between(least * 1000, most * 1000))
    }
}
