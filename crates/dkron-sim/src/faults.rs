//! Faults that come by themselves: crashes between actions, lost disks, clock steps, cuts, stalls,
//! and leaderships that end and begin again.

use core::time::Duration;

use dkron_core::conductor::Input;

use crate::machine::At;
use crate::queue::{Event, Local};
use crate::world::{Stop, World};

/// A node that is frozen for longer may miss the end of its lease: nothing can be promised then.
const FREEZE: u64 = 2_000;

impl World {
    pub fn fault(&mut self) -> Result<(), Stop> {
        if self.calm {
            return Ok(());
        }
        self.plan_fault();
        let at = self.dice.below(self.machines.len() as u64) as At;
        match self.dice.below(15) {
            _ if self.plan.silence && self.dice.percent(30) => self.cut(at),
            0 if self.plan.crash > 0 && self.dice.percent(50) => self.crash(at),
            0 if self.plan.crash > 0 => self.stop(at),
            1 if self.plan.clock_steps => self.step_clock(at),
            2 if self.plan.flaps && self.dice.percent(50) => self.coup(),
            2 if self.plan.flaps => self.flap(),
            3 => self.reset(at),
            4 | 5 if self.plan.partitions => self.cut(at),
            6 if self.plan.stalls => self.stall(at),
            7 if self.plan.stalls => {
                let until = self.now + self.dice.millis(0, 20_000);
                self.trace.say(|| format!("all disks stand still until {until:?}"));
                self.log_stalled_until = until;
                for at in 0..self.plan.servers {
                    if let Some(brain) = self.brain(at) {
                        brain.lanes.stall(until);
                        let life = brain.life;
                        self.queue.push(until, Event::Life(at, life, Local::Enter));
                    }
                }
            }
            8 => {
                if let Some(process) = &self.machines[at].process {
                    let records = process.worker.journal();
                    self.machines[at].journal.compact(records);
                }
            }
            9 if self.plan.freezes => self.freeze(at),
            10 if self.plan.wipes => self.wipe(at),
            11 if self.plan.crash > 0 => {
                if let Some(leader) = self.leader() {
                    self.crash(leader);
                }
            }
            12 | 13 if self.plan.moves => self.move_member(at),
            14 => self.upgrade(at),
            _ => {}
        }
        Ok(())
    }

    fn step_clock(&mut self, at: At) {
        let size = self.dice.pick(&[3_000, 15_000, 90_000, 90_000, 3_600_000]);
        let millis = self.dice.between(2_500, size) as i64;
        let millis = if self.dice.percent(50) { millis } else { -millis };
        self.say(at, || format!("the wall clock is set by {millis} ms"));
        self.machines[at].clock.step(millis);
    }

    /// Somebody stops the process in an orderly way; it has some time to finish what it began.
    fn stop(&mut self, at: At) {
        let Some(life) = self.machines[at].process.as_ref().map(|process| process.life) else {
            return;
        };
        self.say(at, || "stop".into());
        self.input(at, Input::Stop);
        self.later(0, 6_000, Event::Life(at, life, Local::Die));
    }

    /// Some server takes itself for no leader for a while, with the log as it was.
    fn flap(&mut self) {
        let Some(at) = self.leader() else { return };
        let until = self.now + self.dice.millis(0, 8_000);
        self.say(at, || format!("no leader until {until:?}"));
        if let Some(brain) = self.brain(at) {
            brain.flapped_until = until;
            self.wake(at, self.now);
        }
    }

    /// Some machines can not talk with the others, or not in one direction.
    fn cut(&mut self, at: At) {
        let (least, most) = match self.plan.silence {
            true => (25_000, 75_000),
            false => (0, self.dice.pick(&[2_000, 8_000, 50_000])),
        };
        let until = self.now + self.dice.millis(least, most);
        let both = self.dice.percent(70);
        let machines = self.machines.len();
        let alone = self.plan.silence || self.dice.percent(60);
        let side: Vec<bool> =
            (0..machines).map(|other| other == at || (!alone && self.dice.percent(40))).collect();
        for (one, other) in pairs(machines).filter(|(one, other)| side[*one] && !side[*other]) {
            self.network.cut(one, other, until);
            if both {
                self.network.cut(other, one, until);
            }
        }
        for (at, inside) in side.iter().enumerate() {
            if *inside || self.dice.percent(30) {
                self.reset(at);
            }
        }
        self.trace.say(|| format!("cut off until {until:?}, both ways {both}: {side:?}"));
    }

    /// The conductor gets no processor; its node goes on.
    fn stall(&mut self, at: At) {
        let until = self.now + self.dice.millis(0, 30_000);
        let Some(brain) = self.brain(at) else { return };
        brain.stalled_until = until;
        brain.turn_at = None;
        self.say(at, || format!("the conductor stands still until {until:?}"));
        self.wake(at, until);
    }

    /// Everything in the process stands still.
    fn freeze(&mut self, at: At) {
        // Its runner looks after its processes, but nobody after what is a part of the agent.
        let safe = self.plan.runner && self.plan.shell == 100;
        let most = if safe { 60_000 } else { FREEZE };
        let until = self.now + self.dice.millis(0, most);
        self.say(at, || format!("frozen until {until:?}"));
        self.machines[at].frozen_until = until;
        if let Some(brain) = self.brain(at) {
            brain.turn_at = None;
            self.wake(at, until);
        }
    }

    /// What waited for a frozen process happens now; one that is frozen again waits longer.
    pub fn thaw(&mut self, at: At) {
        for event in std::mem::take(&mut self.machines[at].backlog) {
            self.queue.push(self.now, event);
        }
    }

    /// No fault lasts any longer.
    pub fn mend(&mut self) {
        let now = self.now;
        self.network.heal();
        self.log_stalled_until = Duration::ZERO;
        for at in 0..self.machines.len() {
            self.machines[at].left = false;
            self.upgrade(at);
            self.machines[at].frozen_until = Duration::ZERO;
            self.thaw(at);
            if let Some(brain) = self.brain(at) {
                brain.stalled_until = Duration::ZERO;
                brain.flapped_until = Duration::ZERO;
                brain.turn_at = None;
                self.wake(at, now);
            }
        }
    }
}

fn pairs(machines: usize) -> impl Iterator<Item = (At, At)> {
    (0..machines).flat_map(move |one| (0..machines).map(move |other| (one, other)))
}
