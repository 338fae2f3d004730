//! What goes wrong by itself.

use std::time::Duration;

use dkron_gossip::Status;
use tokio::time::Instant;

use super::life::{Event, Life};

/// How long it takes until gossip shows that a node is gone.
const GOSSIP: (u64, u64) = (1_000, 5_000);

#[derive(Clone, Copy)]
enum Fault {
    Crash,
    Cut,
    Transfer,
    Step,
    Stall,
}

impl Life {
    pub fn fault(&mut self) {
        let plan = self.world.with(|inner| inner.plan.clone());
        let kinds = [
            (plan.crashes, Fault::Crash),
            (plan.cuts, Fault::Cut),
            (plan.cuts, Fault::Cut),
            (plan.transfers, Fault::Transfer),
            (plan.clock_steps, Fault::Step),
            (plan.stalls, Fault::Stall),
        ];
        let kinds: Vec<Fault> =
            kinds.into_iter().filter(|(wanted, _)| *wanted).map(|(_, kind)| kind).collect();
        if !kinds.is_empty() {
            match self.world.with(|inner| inner.dice.pick(&kinds)) {
                Fault::Crash => self.crash(),
                Fault::Cut => self.cut(plan.silence),
                Fault::Transfer => self.transfer(),
                Fault::Step => self.step_clock(),
                Fault::Stall => self.stall(),
            }
        }
        self.later(0, plan.fault_millis * 2, Event::Fault);
    }

    fn any(&mut self, count: usize) -> usize {
        self.world.with(|inner| inner.dice.below(count as u64) as usize)
    }

    fn crash(&mut self) {
        let at = self.any(self.machines.len());
        if self.machines[at].life.is_none() {
            return;
        }
        let (power, down) = self.world.with(|inner| {
            let power = inner.plan.power;
            (inner.dice.percent(power), inner.dice.pick(&[100, 2_000, 8_000]))
        });
        self.machines[at].crash(&self.world, power);
        let life = self.world.with(|inner| inner.lives);
        self.later(GOSSIP.0, GOSSIP.1, Event::Gone(at, life));
        self.later(0, down, Event::Boot(at));
    }

    /// One machine and another, or all others; one direction, or both.
    fn cut(&mut self, silence: bool) {
        let count = self.machines.len();
        let (one, other) = (self.any(count), self.any(count));
        let all = self.world.with(|inner| inner.dice.percent(50));
        let others = (0..count).filter(|at| *at != one && (all || *at == other));
        let others: Vec<u64> = others.map(|at| self.machines[at].id).collect();
        let own = self.machines[one].id;
        let way = self.any(4);
        let pairs: Vec<(u64, u64)> = others
            .into_iter()
            .flat_map(|other| [(own, other), (other, own)])
            .filter(|(from, _)| match way {
                0 => *from == own,
                1 => *from != own,
                _ => true,
            })
            .collect();
        self.world.say(|| format!("cut {pairs:?}"));
        self.world.with(|inner| inner.net.cut.extend(pairs.iter().copied()));
        let most = if silence { 50_000 } else { 6_000 };
        self.later(200, most, Event::Mend(pairs));
    }

    fn transfer(&mut self) {
        let Some(at) = self.leader() else { return };
        let Some(server) = self.machines[at].serving() else { return };
        let raft = server.raft.clone();
        self.world.say(|| format!("n{} hands over", at + 1));
        tokio::spawn(async move { drop(raft.transfer(None).await) });
    }

    fn step_clock(&mut self) {
        let at = self.any(self.machines.len());
        let step = self
            .world
            .with(|inner| inner.dice.pick(&[-60_000_i64, -5_000, -700, 700, 1_500, 5_000, 60_000]));
        self.world.say(|| format!("the clock of n{} is set by {step} ms", at + 1));
        self.machines[at].clock.lock().unwrap().offset += step;
    }

    fn stall(&mut self) {
        let at = self.any(self.machines.len());
        let Some(server) = self.machines[at].serving() else { return };
        let pause = self.world.millis(100, 3_000);
        self.world.say(|| format!("the log of n{} stands still for {pause:?}", at + 1));
        server.log.stall(Instant::now() + pause);
    }

    /// Everything is whole again.
    pub fn mend(&mut self) {
        self.world.say(|| "heal".into());
        self.world.with(|inner| {
            inner.plan.calm();
            inner.net.cut.clear();
            inner.calm.cancel();
        });
        for at in 0..self.machines.len() {
            if self.machines[at].life.is_none() {
                self.later(0, 2_000, Event::Boot(at));
            }
        }
    }

    pub fn gone(&mut self, at: usize, life: u64) {
        let is_gone = self.machines[at].life.is_none();
        if is_gone && self.world.with(|inner| inner.lives) == life {
            self.world.with(|inner| inner.show(at, Status::Failed));
        }
    }
}

/// Between two looks at disks that are written now and then.
pub const FLUSH: (u64, u64) = (200, 3_000);
/// How often somebody looks whether all still stand.
pub const LOOK: Duration = Duration::from_millis(500);
