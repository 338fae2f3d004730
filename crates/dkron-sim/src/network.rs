//! What becomes of a message between two machines: lost, doubled, late, or cut off.

use core::time::Duration;

use crate::dice::Dice;
use crate::machine::At;
use crate::plan::Plan;

#[derive(Debug)]
pub struct Network {
    machines: usize,
    /// Until when nothing passes from one to the other.
    cut_until: Vec<Duration>,
    /// When the last message in order arrives.
    last: Vec<Duration>,
    links: u64,
}

impl Network {
    pub fn new(machines: usize) -> Self {
        let none = vec![Duration::ZERO; machines * machines];
        Network { machines, cut_until: none.clone(), last: none, links: 0 }
    }

    /// When copies of a message arrive: in order, except for those that are late.
    pub fn deliveries(
        &mut self,
        from: At,
        to: At,
        now: Duration,
        dice: &mut Dice,
        plan: &Plan,
    ) -> Vec<Duration> {
        let mut arrivals = Vec::new();
        if !self.passes(from, to, now) || dice.chance(plan.drop) {
            return arrivals;
        }
        let copies = if dice.chance(plan.double) { 2 } else { 1 };
        for _ in 0..copies {
            if dice.chance(plan.late) {
                arrivals.push(now + dice.millis(5, 5_000));
                continue;
            }
            let last = &mut self.last[from * self.machines + to];
            *last = (now + dice.millis(0, plan.wire_millis)).max(*last);
            arrivals.push(*last);
        }
        arrivals
    }

    /// A machine always reaches itself.
    pub fn passes(&self, from: At, to: At, now: Duration) -> bool {
        from == to || now >= self.cut_until[from * self.machines + to]
    }

    pub fn passes_both(&self, one: At, other: At, now: Duration) -> bool {
        self.passes(one, other, now) && self.passes(other, one, now)
    }

    pub fn cut(&mut self, from: At, to: At, until: Duration) {
        self.cut_until[from * self.machines + to] = until;
    }

    pub fn heal(&mut self) {
        self.cut_until.fill(Duration::ZERO);
    }

    /// A connection that was never used before.
    pub fn link(&mut self) -> u64 {
        self.links += 1;
        self.links
    }
}
