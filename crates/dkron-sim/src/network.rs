//! What becomes of a message between the conductor and the worker: lost, doubled, late.

use core::time::Duration;

use crate::dice::Dice;
use crate::plan::Plan;

#[derive(Debug, Default)]
pub struct Network {
    /// Messages of an older connection never arrive.
    pub connection: u64,
    pub cut_until: Duration,
}

impl Network {
    /// The delays after which copies of a message arrive.
    pub fn deliveries(&self, now: Duration, dice: &mut Dice, plan: &Plan) -> Vec<Duration> {
        let mut delays = Vec::new();
        if now < self.cut_until || dice.chance(plan.drop) {
            return delays;
        }
        let copies = if dice.chance(plan.double) { 2 } else { 1 };
        for _ in 0..copies {
            let late = dice.chance(plan.late);
            delays.push(if late { dice.millis(5, 5_000) } else { dice.millis(0, 2) });
        }
        delays
    }

    pub fn reset(&mut self) {
        self.connection += 1;
    }
}
