//! One server and one node as one process, and everything around them.

use core::time::Duration;
use std::collections::VecDeque;

use dkron_core::conductor::{self, Conductor, Input, Ticket};
use dkron_core::ledger::{Entry, Ledger};
use dkron_core::worker::Worker;

use crate::clock::Clock;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::executor::Executor;
use crate::invariants::Violation;
use crate::journal::Journal;
use crate::log::Log;
use crate::network::Network;
use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::queue::{Event, Queue};
use crate::sabotage::Sabotage;
use crate::trace::Trace;

/// The only server and node.
pub const NODE: &str = "n1";
/// Turns within one instant; more is a loop that does nothing.
const SPIN: u32 = 500;

/// Why the world stops going on as it was.
#[derive(Debug)]
pub enum Stop {
    /// The process died; the rest of what it was doing never happens.
    Crashed,
    Violated(Violation),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Stop::Violated(violation)
    }
}

/// What waits for the conductor's next turn.
#[derive(Debug)]
pub enum Incoming {
    Entry(Box<Entry>, bool),
    Input(Box<Input>),
}

/// What a crash takes along.
#[derive(Debug)]
pub struct Process {
    pub life: u64,
    pub ledger: Ledger,
    pub conductor: Conductor,
    pub worker: Worker,
    pub inbox: VecDeque<Incoming>,
    pub turn_at: Option<Duration>,
    /// The conductor does not get the processor before.
    pub stalled_until: Duration,
    /// When the conductor could first know that the wall clock had been set forward.
    pub stepped_at: Option<Duration>,
    /// Wall minus monotonic clock at its last look, in nanoseconds.
    pub offset: Option<i128>,
    pub elected: bool,
}

#[derive(Debug)]
pub struct World {
    pub dice: Dice,
    pub plan: Plan,
    pub sabotage: Sabotage,
    pub sabotaged: u32,
    pub clock: Clock,
    pub queue: Queue,
    pub trace: Trace,
    pub log: Log,
    pub disk: Disk,
    pub journal: Journal,
    pub network: Network,
    pub executor: Executor,
    pub oracle: Oracle,
    pub process: Option<Process>,
    pub lives: u64,
    pub requests: u64,
    pub booted: u64,
    pub log_stalled_until: Duration,
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
        let clock = Clock::new(dice.below(120_000_000_000));
        let mut world = World {
            dice,
            plan,
            sabotage,
            sabotaged: 0,
            clock,
            queue: Queue::default(),
            trace: Trace::new(lines),
            log: Log::default(),
            disk: Disk::default(),
            journal: Journal::default(),
            network: Network::default(),
            executor: Executor::default(),
            oracle: Oracle::default(),
            process: None,
            lives: 0,
            requests: 0,
            booted: 0,
            log_stalled_until: Duration::ZERO,
            calm: false,
            quiet: false,
            turns: (Duration::ZERO, 0),
        };
        let plan = format!("{:?}", world.plan);
        world.trace.say(|| plan);
        world.queue.push(world.clock.mono(), Event::Boot);
        world.later(0, 2_000, Event::Ask(None));
        world.later(500, 1_500, Event::Flush);
        world.plan_fault();
        world
    }

    /// Plans an event some time from now.
    pub fn later(&mut self, least: u64, most: u64, event: Event) {
        let at = self.clock.mono() + self.dice.millis(least, most);
        self.queue.push(at, event);
    }

    pub fn plan_fault(&mut self) {
        if self.plan.fault_millis > 0 {
            self.later(0, self.plan.fault_millis * 2, Event::Fault);
        }
    }

    /// Lets virtual time go on until then.
    pub fn run(&mut self, until: Duration) -> Result<(), Violation> {
        while let Some((at, event)) = self.queue.pop(until) {
            self.clock.advance(at);
            self.trace.at(at);
            match self.happen(at, event) {
                Ok(()) => {}
                Err(Stop::Crashed) => self.crash()?,
                Err(Stop::Violated(violation)) => {
                    self.trace.say(|| format!("VIOLATED {}: {}", violation.rule, violation.text));
                    return Err(violation);
                }
            }
        }
        self.clock.advance(until);
        Ok(())
    }

    fn happen(&mut self, at: Duration, event: Event) -> Result<(), Stop> {
        match event {
            Event::Boot => self.boot(),
            Event::Turn { life } => {
                let due = self.living(life).is_some_and(|process| process.turn_at == Some(at));
                if due {
                    self.spins(at)?;
                    return self.turn();
                }
                Ok(())
            }
            Event::Commit => self.commit(),
            Event::Fate { life, ticket, fate } => {
                self.input(life, Input::Resolved { ticket, fate: *fate });
                Ok(())
            }
            Event::ToLeader { life, connection, message } => {
                if connection == self.network.connection {
                    let node = NODE.into();
                    self.input(life, Input::FromNode { node, message });
                }
                Ok(())
            }
            Event::Processed { life, seq } => {
                let (output, dropped) = (dkron_core::domain::Output::Empty, 0);
                self.input(life, Input::Processed { seq, output, dropped });
                Ok(())
            }
            Event::Elected { life } => {
                if let Some(process) = self.living(life) {
                    process.elected = true;
                }
                self.input(life, Input::Elected);
                Ok(())
            }
            Event::Tick { .. }
            | Event::ToNode { .. }
            | Event::Started { .. }
            | Event::Finished { .. } => self.node_event(event),
            Event::Ask(request) => {
                self.ask(request.map(|request| *request));
                Ok(())
            }
            Event::Fault => self.fault(),
            Event::Die { life } => match self.living(life) {
                Some(_) => Err(Stop::Crashed),
                None => Ok(()),
            },
            Event::Flush => {
                self.disk.flush();
                self.journal.flush();
                self.later(200, 3_000, Event::Flush);
                Ok(())
            }
        }
    }

    /// The process, if it is still in that life.
    pub fn living(&mut self, life: u64) -> Option<&mut Process> {
        self.process.as_mut().filter(|process| process.life == life)
    }

    fn spins(&mut self, at: Duration) -> Result<(), Violation> {
        self.turns = if self.turns.0 == at { (at, self.turns.1 + 1) } else { (at, 0) };
        crate::invariants::require(self.turns.1 < SPIN, "spin", || {
            format!("the conductor is woken {SPIN} times in one instant")
        })
    }

    /// Puts something before the conductor and wakes it.
    pub fn input(&mut self, life: u64, input: Input) {
        if let Some(process) = self.living(life) {
            process.inbox.push_back(Incoming::Input(Box::new(input)));
            self.wake(self.clock.mono());
        }
    }

    /// The conductor gets a turn at that time, or earlier.
    pub fn wake(&mut self, at: Duration) {
        let Some(process) = &mut self.process else { return };
        let at = at.max(self.clock.mono()).max(process.stalled_until);
        if process.turn_at.is_none_or(|planned| at < planned || planned < process.stalled_until) {
            process.turn_at = Some(at);
            let life = process.life;
            self.queue.push(at, Event::Turn { life });
        }
    }

    fn ask(&mut self, request: Option<conductor::Request>) {
        if request.is_none() && self.quiet {
            return;
        }
        self.requests += 1;
        let number = self.requests;
        let wall = self.clock.wall();
        let random = request.is_none();
        let dice = &mut self.dice;
        let request = request.unwrap_or_else(|| crate::workload::request(dice, number, wall));
        if let Some(process) = &self.process {
            let life = process.life;
            let ticket = Ticket(number);
            self.trace.say(|| format!("ask {number}: {request:?}"));
            self.oracle.asked(life, ticket, &request);
            self.input(life, Input::Request { ticket, request });
        }
        if random {
            self.later(0, self.plan.request_millis * 2, Event::Ask(None));
        }
    }
}
