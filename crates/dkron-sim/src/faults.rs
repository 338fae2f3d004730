//! Faults that come by themselves: crashes between actions, clock steps, cuts, stalls, and a
//! leadership that ends and begins again.

use dkron_core::conductor::Input;

use crate::queue::Event;
use crate::world::{Stop, World};

impl World {
    pub fn fault(&mut self) -> Result<(), Stop> {
        if self.calm {
            return Ok(());
        }
        self.plan_fault();
        let now = self.clock.mono();
        match self.dice.below(8) {
            0 if self.plan.crash > 0 && self.dice.percent(50) => return Err(Stop::Crashed),
            0 if self.plan.crash > 0 => self.stop(),
            1 if self.plan.clock_steps => self.step_clock(),
            2 if self.plan.flaps => self.flap(),
            3 => {
                self.trace.say(|| "connection reset".into());
                self.network.reset();
            }
            4 if self.plan.partitions => {
                let least = if self.plan.silence { 20_000 } else { 0 };
                let span = self.dice.pick(&[2_000, 8_000, 50_000]);
                let until = now + self.dice.millis(least, span.max(least));
                // Now and then only one direction is cut.
                let both = self.dice.percent(70);
                let way = self.dice.below(2) as usize;
                self.network.cut_until[way] = until;
                if both {
                    self.network.cut_until[1 - way] = until;
                }
                self.network.reset();
                self.trace.say(|| format!("cut until {until:?}, both ways: {both}"));
            }
            5 if self.plan.stalls => {
                let until = now + self.dice.millis(0, 30_000);
                self.trace.say(|| format!("the conductor stands still until {until:?}"));
                if let Some(process) = &mut self.process {
                    process.stalled_until = until;
                    process.turn_at = None;
                    self.wake(until);
                }
            }
            6 if self.plan.stalls => {
                let until = now + self.dice.millis(0, 20_000);
                self.trace.say(|| format!("the log stands still until {until:?}"));
                self.log_stalled_until = until;
                self.log.stall(until);
                self.queue.push(until, Event::Commit);
            }
            7 => {
                if let Some(process) = &self.process {
                    self.journal.compact(process.worker.journal());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step_clock(&mut self) {
        let size = self.dice.pick(&[3_000, 15_000, 90_000, 90_000, 3_600_000]);
        let millis = self.dice.between(2_500, size) as i64;
        let millis = if self.dice.percent(50) { millis } else { -millis };
        self.trace.say(|| format!("the wall clock is set by {millis} ms"));
        self.clock.step(millis);
    }

    /// Somebody stops the server in an orderly way; it has some time to finish what it began.
    fn stop(&mut self) {
        let Some(process) = &self.process else { return };
        let life = process.life;
        self.trace.say(|| "stop".into());
        self.input(life, Input::Stop);
        self.later(0, 6_000, Event::Die { life });
    }

    fn flap(&mut self) {
        let Some(process) = &mut self.process else { return };
        if !std::mem::take(&mut process.elected) {
            return;
        }
        let life = process.life;
        self.trace.say(|| "deposed".into());
        self.input(life, Input::Deposed);
        self.later(0, 8_000, Event::Elected { life });
    }
}
