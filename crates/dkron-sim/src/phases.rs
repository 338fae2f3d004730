//! The life of a world: faults, healing, jobs going on in peace, and everything coming to rest.

use core::time::Duration;

use dkron_core::conductor::Request;
use dkron_core::domain::Seq;

use crate::invariants::{Violation, require};
use crate::queue::Event;
use crate::world::World;

/// Peace in which jobs go on.
const PEACE: Duration = Duration::from_secs(30);
/// A world at rest is asked for this often.
const LOOK: Duration = Duration::from_secs(1);
/// Beyond the latest retry, everything comes to rest within this.
const REST: Duration = Duration::from_secs(180);

impl World {
    pub fn live(&mut self) -> Result<(), Violation> {
        self.run(self.clock.mono() + self.plan.safety)?;
        self.heal();
        self.run(self.clock.mono() + PEACE)?;
        if self.plan.capacity > 100 {
            self.oracle.on_time(self.clock.wall())?;
        }
        self.rest()
    }

    fn heal(&mut self) {
        self.trace.say(|| "heal".into());
        let now = self.clock.mono();
        (self.calm, self.quiet) = (true, true);
        (self.plan.drop, self.plan.double, self.plan.late) = (0, 0, 0);
        self.plan.commit_millis = self.plan.commit_millis.min(50);
        self.network.cut_until = [now; 2];
        self.log_stalled_until = now;
        if let Some(process) = &mut self.process {
            process.stalled_until = now;
            process.turn_at = None;
            let life = process.life;
            self.wake(now);
            // What would go on for ever or for long ends; what is lost must be killed instead.
            let running: Vec<_> = self.executor.running.keys().copied().collect();
            let live = |seq: &Seq| self.oracle.ledger.live(*seq).is_some();
            for seq in running.into_iter().filter(live).collect::<Vec<_>>() {
                self.later(0, 2_000, Event::Finished { life, seq, killed: false });
            }
        }
    }

    /// All schedules are switched off; then nothing may be left to do.
    fn rest(&mut self) -> Result<(), Violation> {
        self.trace.say(|| "rest".into());
        let mut begun = self.clock.mono();
        loop {
            let on = |job: &&dkron_core::ledger::JobState| job.is_scheduled();
            let on: Vec<_> =
                self.oracle.ledger.jobs().filter(on).map(|job| job.job.name.clone()).collect();
            let resting = on.is_empty() && self.is_settled();
            if resting {
                break;
            }
            for name in on {
                let request = Box::new(Request::Toggle(name));
                self.queue.push(self.clock.mono(), Event::Ask(Some(request)));
            }
            self.run(self.clock.mono() + LOOK)?;
            let wall = self.clock.wall();
            let retry = self.oracle.ledger.retries().last().map(|(at, ..)| at.since(wall));
            if retry.is_some_and(|wait| wait > Duration::ZERO) {
                begun = self.clock.mono();
            }
            if self.clock.mono() - begun > REST {
                self.still()?;
                return require(false, "liveness", || "the world does not come to rest".into());
            }
        }
        self.still()
    }

    fn is_settled(&self) -> bool {
        let idle = self
            .process
            .as_ref()
            .is_some_and(|process| process.worker.held() == 0 && process.inbox.is_empty());
        idle && self.executor.running.is_empty() && self.oracle.settled().is_ok()
    }

    fn still(&self) -> Result<(), Violation> {
        self.oracle.settled()?;
        let running = &self.executor.running;
        require(running.is_empty(), "I3", || format!("executions go on: {running:?}"))?;
        let held = self.process.as_ref().map(|process| process.worker.held());
        require(held == Some(0), "I3", || format!("the node still answers for {held:?}"))
    }
}
