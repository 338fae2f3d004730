//! The life of a world: faults, healing, jobs going on in peace, and everything coming to rest.

use core::time::Duration;

use dkron_core::conductor::Request;
use dkron_core::domain::Seq;

use crate::invariants::{Violation, require};
use crate::machine::At;
use crate::queue::{Event, Local};
use crate::workload;
use crate::world::World;

/// Peace in which jobs go on.
const PEACE: Duration = Duration::from_secs(40);
/// A world at rest is asked for this often.
const LOOK: Duration = Duration::from_secs(1);
/// Beyond the latest retry, everything comes to rest within this.
const REST: Duration = Duration::from_secs(180);

impl World {
    pub fn live(&mut self) -> Result<(), Violation> {
        self.run(self.now + self.plan.safety)?;
        self.heal();
        self.run(self.now + PEACE)?;
        let leader = self.leader();
        require(leader.is_some(), "liveness", || "nobody leads in peace".into())?;
        // Without room, and where few missed slots may start within a second, others wait for them.
        let rate = self.oracle.ledger.settings().catch_up_rate;
        let prompt = self.plan.capacity > 100 && rate >= 20;
        if let Some(leader) = leader.filter(|_| prompt) {
            self.oracle.on_time(self.clocks(leader).wall)?;
        }
        self.rest()
    }

    fn heal(&mut self) {
        self.trace.say(|| "heal".into());
        (self.calm, self.quiet) = (true, true);
        (self.plan.drop, self.plan.double, self.plan.late) = (0, 0, 0);
        self.plan.commit_millis = self.plan.commit_millis.min(50);
        self.mend();
        for at in 0..self.machines.len() {
            self.end_long_ones(at);
            if self.machines[at].process.is_none() {
                self.later(0, 2_000, Event::Here(at, Local::Boot));
            }
        }
    }

    /// What would go on for ever or for long ends, also what was left to itself when it was given
    /// up; everything else that is lost must be killed instead.
    fn end_long_ones(&mut self, at: At) {
        let live = |seq: &Seq| self.oracle.ledger.live(*seq).is_some();
        let running = self.machines[at].executor.running.iter();
        let running = running.filter(|(seq, running)| running.terms.leave || live(seq));
        for seq in running.map(|(seq, _)| *seq).collect::<Vec<_>>() {
            self.later(0, 2_000, Event::Here(at, Local::Over { seq, killed: false }));
        }
    }

    /// All schedules are switched off; then nothing may be left to do.
    fn rest(&mut self) -> Result<(), Violation> {
        self.trace.say(|| "rest".into());
        let mut begun = self.now;
        loop {
            let on = |job: &&dkron_core::ledger::JobState| job.is_scheduled();
            let on: Vec<_> =
                self.oracle.ledger.jobs().filter(on).map(|job| job.job.name.clone()).collect();
            let drained: Vec<_> = self.oracle.ledger.drains().map(|one| one.node.clone()).collect();
            let paused = self.oracle.ledger.scheduling_pauses().next().is_some();
            let asked = !on.is_empty() || !drained.is_empty() || paused;
            let resting = !asked && self.still().is_ok();
            if resting {
                return Ok(());
            }
            for name in on {
                let request = Box::new(Request::Toggle(name));
                self.queue.push(self.now, Event::Ask(Some(request)));
            }
            for node in drained {
                let request = Box::new(workload::eligible_again(node));
                self.queue.push(self.now, Event::Ask(Some(request)));
            }
            if paused {
                self.queue.push(self.now, Event::Ask(Some(Box::new(workload::resume()))));
            }
            self.run(self.now + LOOK)?;
            let wall = self.clocks(self.leader().unwrap_or_default()).wall;
            let retry = self.oracle.ledger.retries().last().map(|(at, ..)| at.since(wall));
            if retry.is_some_and(|wait| wait > Duration::ZERO) {
                begun = self.now;
            }
            if self.now - begun > REST {
                self.still()?;
                return require(false, "liveness", || "the world does not come to rest".into());
            }
        }
    }

    fn still(&self) -> Result<(), Violation> {
        self.oracle.settled()?;
        for machine in &self.machines {
            let (name, running) = (&machine.name, &machine.executor.running);
            require(running.is_empty(), "I3", || format!("{name}: still runs {running:?}"))?;
            let held = machine.process.as_ref().map(|process| process.worker.held());
            require(held == Some(0), "I3", || format!("{name} still answers for {held:?}"))?;
        }
        self.replicas_agree()
    }
}
