//! Servers and agents, each a process with a disk and clocks of its own, and everything around
//! them.

use core::time::Duration;

use dkron_core::conductor::{self, Input, Ticket};
use dkron_core::domain::{CLUSTER_VERSION, NodeName, Now};

use crate::clock::Clock;
use crate::dice::Dice;
use crate::executor::Executor;
use crate::invariants::Violation;
use crate::journal::Journal;
use crate::log::Slot;
use crate::machine::{At, Brain, Incoming, Machine, Server};
use crate::network::Network;
use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::queue::{Event, Local, Queue};
use crate::sabotage::Sabotage;
use crate::trace::Trace;
use crate::workload::tags_of;

/// Turns of one conductor within one instant; more is a loop that does nothing.
const SPIN: u32 = 500;

/// Why the world stops going on as it was.
#[derive(Debug)]
pub enum Stop {
    /// The process of that machine died; the rest of what it was doing never happens.
    Crashed(At),
    Violated(Violation),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Stop::Violated(violation)
    }
}

#[derive(Debug)]
pub struct World {
    pub dice: Dice,
    pub plan: Plan,
    pub sabotage: Sabotage,
    pub sabotaged: u32,
    pub now: Duration,
    pub queue: Queue,
    pub trace: Trace,
    pub machines: Vec<Machine>,
    pub network: Network,
    pub oracle: Oracle,
    /// What is in the log for ever, and the latest leadership.
    pub committed: Vec<Slot>,
    pub term: u64,
    /// When there will be an election.
    pub leaderless: Option<Duration>,
    pub log_stalled_until: Duration,
    pub lives: u64,
    pub requests: u64,
    /// The faults are over.
    pub calm: bool,
    /// Nobody asks for anything at random any more.
    pub quiet: bool,
    turns: (Duration, u32),
}

impl World {
    pub fn new(seed: u64, sabotage: Sabotage, lines: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::new(&mut dice);
        let machines: Vec<Machine> =
            (0..plan.machines()).map(|at| machine(at, &plan, &mut dice)).collect();
        let mut world = World {
            dice,
            network: Network::new(machines.len()),
            plan,
            sabotage,
            sabotaged: 0,
            now: Duration::from_secs(1),
            queue: Queue::default(),
            trace: Trace::new(lines),
            machines,
            oracle: Oracle::default(),
            committed: Vec::new(),
            term: 0,
            leaderless: None,
            log_stalled_until: Duration::ZERO,
            lives: 0,
            requests: 0,
            calm: false,
            quiet: false,
            turns: (Duration::ZERO, 0),
        };
        let plan = format!("{:?}", world.plan);
        world.trace.say(|| plan);
        for at in 0..world.machines.len() {
            world.later(0, 300, Event::Here(at, Local::Boot));
            world.later(500, 1_500, Event::Here(at, Local::Flush));
            if world.plan.runner {
                world.later(0, 300, Event::Here(at, Local::Watch));
            }
        }
        world.later(300, 500, Event::Referee);
        world.later(0, 2_000, Event::Ask(None));
        world.plan_fault();
        world
    }

    /// Plans an event some time from now.
    pub fn later(&mut self, least: u64, most: u64, event: Event) {
        let at = self.now + self.dice.millis(least, most);
        self.queue.push(at, event);
    }

    pub fn plan_fault(&mut self) {
        if self.plan.fault_millis > 0 {
            self.later(0, self.plan.fault_millis * 2, Event::Fault);
        }
    }

    pub fn say(&mut self, at: At, text: impl FnOnce() -> String) {
        let name = &self.machines[at].name;
        self.trace.say(|| format!("{name}  {}", text()));
    }

    /// What a machine's clocks show.
    pub fn clocks(&self, at: At) -> Now {
        self.machines[at].clock.now(self.now)
    }

    /// Lets the world's time go on until then.
    pub fn run(&mut self, until: Duration) -> Result<(), Violation> {
        while let Some((at, event)) = self.queue.pop(until) {
            self.now = self.now.max(at);
            self.trace.at(at);
            match self.happen(event) {
                Ok(()) => {}
                Err(Stop::Crashed(at)) => self.crash(at),
                Err(Stop::Violated(violation)) => {
                    self.trace.say(|| format!("VIOLATED {}: {}", violation.rule, violation.text));
                    return Err(violation);
                }
            }
        }
        self.now = self.now.max(until);
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Here(at, local) => self.locally(at, None, local),
            Event::Life(at, life, local) => {
                let process = self.machines[at].process.as_ref();
                match process.is_some_and(|process| process.life == life) {
                    true => self.locally(at, Some(life), local),
                    false => Ok(()),
                }
            }
            Event::Ask(request) => {
                self.ask(request.map(|request| *request));
                Ok(())
            }
            Event::Fault => self.fault(),
            Event::Referee => {
                self.referee();
                Ok(())
            }
        }
    }

    fn locally(&mut self, at: At, life: Option<u64>, local: Local) -> Result<(), Stop> {
        let frozen = self.machines[at].frozen_until;
        let outside = matches!(
            local,
            Local::Boot | Local::Die | Local::Flush | Local::Over { .. } | Local::Watch
        );
        if frozen > self.now && !outside {
            let event = match life {
                Some(life) => Event::Life(at, life, local),
                None => Event::Here(at, local),
            };
            if self.machines[at].backlog.is_empty() {
                self.queue.push(frozen, Event::Here(at, Local::Thaw));
            }
            self.machines[at].backlog.push(event);
            return Ok(());
        }
        match local {
            Local::Boot => self.boot(at)?,
            Local::Die => return Err(Stop::Crashed(at)),
            Local::Flush => self.flush(at),
            Local::Turn => {
                let now = self.now;
                if self.brain(at).is_some_and(|brain| brain.turn_at == Some(now)) {
                    self.spins()?;
                    self.turn(at)?;
                }
            }
            Local::Enter => self.enter(at),
            Local::Synced { term, len } => self.synced(at, term, len)?,
            Local::Pulse { term } => self.pulse(at, term),
            Local::Append(append) => self.append(at, *append)?,
            Local::Acked { by, term, len, sent } => self.acked(at, by, term, len, sent)?,
            Local::Outvoted { term } => self.outvoted(at, term),
            Local::Fate { ticket, fate } => self.input(at, Input::Resolved { ticket, fate: *fate }),
            Local::Processed { seq } => {
                let (output, dropped) = (dkron_core::domain::Output::Empty, 0);
                self.input(at, Input::Processed { seq, output, dropped });
            }
            Local::Over { seq, killed } => self.over(at, seq, killed),
            Local::Watch => self.watch(at),
            Local::Thaw => self.thaw(at),
            Local::Gossip => self.gossip(at),
            Local::Compare { again } => self.compare_clocks(at, again),
            Local::HandOver { to } => self.hand_over(at, to),
            Local::ToLeader { from, link, message } => self.hear(at, from, link, message),
            Local::ToNode { .. }
            | Local::Redirect { .. }
            | Local::Tick
            | Local::Started { .. }
            | Local::Fetched { .. } => self.node_event(at, local)?,
        }
        Ok(())
    }

    pub fn brain(&mut self, at: At) -> Option<&mut Brain> {
        self.machines[at].process.as_mut()?.brain.as_deref_mut()
    }

    pub fn brain_of(&self, at: At) -> Option<&Brain> {
        self.machines[at].process.as_ref()?.brain.as_deref()
    }

    fn spins(&mut self) -> Result<(), Violation> {
        let now = self.now;
        self.turns = if self.turns.0 == now { (now, self.turns.1 + 1) } else { (now, 0) };
        crate::invariants::require(self.turns.1 < SPIN, "spin", || {
            format!("conductors are woken {SPIN} times in one instant")
        })
    }

    /// Puts something before a conductor and wakes it.
    pub fn input(&mut self, at: At, input: Input) {
        if let Some(brain) = self.brain(at) {
            brain.inbox.push_back(Incoming::Input(Box::new(input)));
            self.wake(at, self.now);
        }
    }

    /// A conductor gets a turn at that time, or earlier.
    pub fn wake(&mut self, machine: At, at: Duration) {
        let frozen = self.machines[machine].frozen_until;
        let now = self.now;
        let Some(brain) = self.brain(machine) else { return };
        let least = brain.stalled_until.max(frozen);
        let at = at.max(now).max(least);
        if brain.turn_at.is_none_or(|planned| at < planned || planned < least) {
            brain.turn_at = Some(at);
            let life = brain.life;
            self.queue.push(at, Event::Life(machine, life, Local::Turn));
        }
    }

    /// The server whose conductor is in office, as far as it knows.
    pub fn leader(&self) -> Option<At> {
        let tenure = |at: &At| self.brain_of(*at).and_then(|brain| brain.conductor.tenure());
        let in_office = (0..self.plan.servers).filter(|at| tenure(at).is_some());
        in_office.max_by_key(tenure)
    }

    fn ask(&mut self, request: Option<conductor::Request>) {
        if request.is_none() && self.quiet {
            return;
        }
        self.requests += 1;
        let number = self.requests;
        let random = request.is_none();
        let at = match self.leader() {
            Some(leader) if !random || self.dice.percent(85) => leader,
            _ => self.dice.below(self.plan.servers as u64) as At,
        };
        let wall = self.clocks(at).wall;
        let dice = &mut self.dice;
        let lost_after = self.plan.next_lost_after(dice);
        let live = || self.oracle.live();
        let request = request
            .unwrap_or_else(|| crate::workload::request(dice, number, wall, &live(), lost_after));
        if let Some(life) = self.brain_of(at).map(|brain| brain.life) {
            let ticket = Ticket(number);
            self.say(at, || format!("ask {number}: {request:?}"));
            self.oracle.asked(life, ticket, &request);
            self.input(at, Input::Request { ticket, request });
        }
        if random {
            self.later(0, self.plan.request_millis * 2, Event::Ask(None));
        }
    }
}

fn machine(at: At, plan: &Plan, dice: &mut Dice) -> Machine {
    let start = Duration::from_secs(dice.below(100_000));
    let rate = if plan.rates { dice.between(0, 6_000) as i64 - 3_000 } else { 0 };
    let skew = dice.below(plan.skew_millis * 1_000_000 + 1) as i64;
    let wrong = plan.wrong_clock.filter(|(server, _)| *server == at).map_or(0, |(_, secs)| secs);
    let offset = plan.offset_nanos as i64 + skew + wrong * 1_000_000_000;
    let server = (at < plan.servers).then(|| {
        let mut server = Server::default();
        server.log.voter = true;
        server
    });
    Machine {
        name: NodeName::from(format!("n{}", at + 1)),
        clock: Clock::new(start, rate, offset),
        journal: Journal::new(at),
        booted: 0,
        executor: Executor::default(),
        version: match dice.percent(plan.old) {
            true => dice.between(1, u64::from(CLUSTER_VERSION) - 1) as u32,
            false => CLUSTER_VERSION,
        },
        tags: tags_of(at),
        left: false,
        server,
        process: None,
        frozen_until: Duration::ZERO,
        backlog: Vec::new(),
    }
}
