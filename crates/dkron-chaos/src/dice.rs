//! Seeded dice (splitmix64): one seed, one sequence of faults.

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Of `from..=to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.roll() % (to - from + 1)
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        assert!(!all.is_empty(), "there is something to choose from");
        &all[(self.roll() % all.len() as u64) as usize]
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, (self.roll() % (last as u64 + 1)) as usize);
        }
    }

    /// Below one.
    pub fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_one_sequence() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            let mut all: Vec<u64> = (0..8).collect();
            dice.shuffle(&mut all);
            (all, dice.between(3, 5), dice.share())
        };
        assert_eq!(rolls(1), rolls(1));
        assert_ne!(rolls(1).0, rolls(2).0);
        let (mut all, number, share) = rolls(1);
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<u64>>());
        assert!((3..=5).contains(&number) && (0.0..1.0).contains(&share));
    }
}
