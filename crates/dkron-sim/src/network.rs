//! What becomes of a message between the conductor and the worker: lost, doubled, late.

use core::time::Duration;

use crate::dice::Dice;
use crate::plan::Plan;

#[derive(Debug, Default)]
pub struct Network {
    /// Messages of an older connection never arrive.
    pub connection: u64,
    /// Until when nothing passes, for each direction.
    pub cut_until: [Duration; 2],
    /// When the last message in order arrives, for each direction.
    last: [Duration; 2],
}

#[derive(Clone, Copy, Debug)]
pub enum Way {
    ToNode,
    ToLeader,
}

impl Network {
    /// When copies of a message arrive: in order, except for those that are late.
    pub fn deliveries(
        &mut self,
        way: Way,
        now: Duration,
        dice: &mut Dice,
        plan: &Plan,
    ) -> Vec<Duration> {
        let mut arrivals = Vec::new();
        if now < self.cut_until[way as usize] || dice.chance(plan.drop) {
            return arrivals;
        }
        let copies = if dice.chance(plan.double) { 2 } else { 1 };
        for _ in 0..copies {
            if dice.chance(plan.late) {
                arrivals.push(now + dice.millis(5, 5_000));
                continue;
            }
            let last = &mut self.last[way as usize];
            *last = (now + dice.millis(0, 2)).max(*last);
            arrivals.push(*last);
        }
        arrivals
    }

    pub fn reset(&mut self) {
        self.connection += 1;
    }
}
