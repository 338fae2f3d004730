//! Processes begin and end, and what their disks keep of them.

use dkron_core::conductor::{Conductor, Options, RosterMember};
use dkron_core::ledger::Ledger;
use dkron_core::worker::{self, Past, Worker};

use crate::invariants::{Violation, require};
use crate::log::Log;
use crate::machine::{At, Brain, Process, Seat, Server};
use crate::queue::{Event, Local};
use crate::sabotage::Sabotage;
use crate::world::{Stop, World};

impl World {
    /// The process starts: rows, then the journal; the log follows when it says what is committed.
    pub fn boot(&mut self, at: At) -> Result<(), Stop> {
        if self.machines[at].process.is_some() {
            return Ok(());
        }
        self.lives += 1;
        let life = self.lives;
        self.say(at, || format!("boot, life {life}"));
        let brain = match self.machines[at].server {
            Some(_) => Some(Box::new(self.brain_from_disk(at, life)?)),
            None => None,
        };
        let options = self.node_options(at);
        let machine = &mut self.machines[at];
        let same_boot = machine.journal.boots() == machine.booted;
        machine.booted = machine.journal.boots();
        let survivors = machine.executor.survivors();
        let past = Past { journal: machine.journal.records.clone(), survivors, same_boot };
        let now = machine.clock.now(self.now);
        let (worker, actions) = Worker::recover(options, now, past);
        let seat = Seat { link: 0, server: 0, hint: None };
        machine.process = Some(Process { life, worker, seat, brain });
        self.carry_out_node(at, actions)?;
        self.later(0, 100, Event::Life(at, life, Local::Tick));
        if self.machines[at].server.is_some() {
            self.later(500, 2_000, Event::Life(at, life, Local::Gossip));
            self.later(0, 1_000, Event::Life(at, life, Local::Compare { again: true }));
            self.tell_versions(at);
            self.wake(at, self.now);
        }
        Ok(())
    }

    fn brain_from_disk(&mut self, at: At, life: u64) -> Result<Brain, Violation> {
        let machine = &self.machines[at];
        let rows = &machine.server.as_ref().expect("a server").rows;
        let ledger = match Ledger::load(rows.applied, rows.rows.values().cloned()) {
            Ok(ledger) => ledger,
            Err(error) => return Err(Violation { rule: "I6", text: error.to_string() }),
        };
        self.oracle.replicas.loaded(&ledger)?;
        let options = Options {
            server: machine.name.clone(),
            boot_id: machine.journal.boot_id(),
            zone_data: "test".into(),
            settings: self.plan.settings.clone(),
            region: "global".into(),
        };
        let member = |at: At| {
            let machine = &self.machines[at];
            let tags = machine.tags.clone();
            let member = RosterMember { region: "global".into(), tags, alive: true };
            (machine.name.clone(), member)
        };
        let there = (0..self.machines.len()).filter(|at| !self.machines[*at].left);
        let roster: std::collections::BTreeMap<_, _> = there.map(member).collect();
        let applied = rows.applied.0 as usize;
        let first = dkron_core::conductor::Input::Roster(roster.clone());
        Ok(Brain {
            at,
            life,
            ledger,
            conductor: Conductor::new(options),
            inbox: [crate::machine::Incoming::Input(Box::new(first))].into(),
            turn_at: None,
            stalled_until: Default::default(),
            stepped_at: None,
            offset: None,
            roster,
            known: Default::default(),
            clocks: Default::default(),
            missed: Default::default(),
            links: Default::default(),
            lanes: Default::default(),
            lead: None,
            elected: None,
            over_since: None,
            flapped_until: Default::default(),
            commit: applied,
            applied,
        })
    }

    fn node_options(&self, at: At) -> worker::Options {
        let machine = &self.machines[at];
        worker::Options {
            node: machine.name.clone(),
            boot_id: machine.journal.boot_id(),
            journal_id: machine.journal.journal_id(),
            capacity: self.plan.capacity,
            version: machine.version,
        }
    }

    /// The process ends without a word.
    pub fn crash(&mut self, at: At) {
        let Some(process) = self.machines[at].process.take() else { return };
        let power = self.dice.percent(self.plan.power);
        self.say(at, || format!("crash, power lost: {power}"));
        self.oracle.coverage.count(if power { "crash power=true" } else { "crash power=false" });
        self.oracle.answers.died(process.life);
        // The runner may outlive the agent, but nothing outlives the power.
        let dies = power || !self.plan.runner || self.dice.percent(15);
        for seq in self.machines[at].executor.crash(dies) {
            self.oracle.ended(seq);
        }
        let machine = &mut self.machines[at];
        machine.frozen_until = Default::default();
        if let Some(server) = &mut machine.server {
            server.log.crash(&mut self.dice);
            server.rows.crash(&mut self.dice);
        }
        if power {
            self.oracle.truth.power_lost(at);
            let machine = &mut self.machines[at];
            machine.journal.power_loss(&mut self.dice);
            if self.dice.percent(10) {
                machine.journal.vanish();
            }
        }
        if self.sabotage == Sabotage::ForgetJournal && !power {
            self.machines[at].journal.records.clear();
        }
        let down = self.dice.pick(&[100, 2_000, 12_000, 30_000]);
        let down = if self.calm { 100 } else { down };
        self.later(0, down, Event::Here(at, Local::Boot));
    }

    /// The disk is gone. The server comes back as another one, with the old name and nothing else.
    pub fn wipe(&mut self, at: At) {
        let servers = self.machines.iter().filter_map(|machine| machine.server.as_ref());
        let lost = servers.filter(|server| !server.log.voter).count();
        let is_server = self.machines[at].server.is_some();
        if is_server && (lost + 1) * 2 > self.plan.servers {
            return;
        }
        self.crash(at);
        self.say(at, || "the disk is lost".into());
        self.oracle.coverage.count("disk lost");
        self.oracle.truth.power_lost(at);
        for seq in self.machines[at].executor.crash(true) {
            self.oracle.ended(seq);
        }
        self.machines[at].journal.vanish();
        if is_server {
            self.machines[at].server = Some(self.fresh_disk());
        }
    }

    /// A new server begins with nothing, or with what a living one sends it.
    fn fresh_disk(&mut self) -> Server {
        let empty = Server::default();
        let Some(leader) = self.leader().filter(|_| self.dice.percent(50)) else { return empty };
        let Some(applied) = self.brain_of(leader).map(|brain| brain.ledger.applied()) else {
            return empty;
        };
        let source = self.machines[leader].server.as_mut().expect("a server");
        source.rows.flush();
        let rows = source.rows.clone();
        let slots = source.log.slots[..applied.0 as usize].to_vec();
        let durable = slots.len();
        Server { rows, log: Log { slots, durable, ..Log::default() } }
    }

    pub fn flush(&mut self, at: At) {
        let machine = &mut self.machines[at];
        if let Some(server) = &mut machine.server {
            server.rows.flush();
        }
        machine.journal.flush();
        self.later(200, 3_000, Event::Here(at, Local::Flush));
    }

    /// All servers know the same.
    pub fn replicas_agree(&self) -> Result<(), Violation> {
        let ledger = &self.oracle.ledger;
        for at in 0..self.plan.servers {
            let brain = self.brain_of(at);
            let own = brain.map(|brain| (brain.ledger.applied(), brain.ledger.state_hash()));
            let right = own == Some((ledger.applied(), ledger.state_hash()));
            require(right, "liveness", || format!("n{} is at {own:?}", at + 1))?;
        }
        Ok(())
    }
}
