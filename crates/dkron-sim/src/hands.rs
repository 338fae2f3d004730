//! A node's half of the shell: it looks for the leader, keeps the journal, starts and kills.

use dkron_core::domain::Seq;
use dkron_core::worker::{self, Event as NodeEvent, JournalRecord, News, ToLeader};

use crate::executor::{Pace, Running};
use crate::machine::At;
use crate::queue::{Event, Local};
use crate::sabotage::Sabotage;
use crate::world::{Stop, World};

/// The longest a killed execution goes on, in milliseconds.
const KILL: u64 = 8_000;

impl World {
    pub fn node_event(&mut self, at: At, event: Local) -> Result<(), Stop> {
        let now = self.clocks(at);
        let Some(process) = &mut self.machines[at].process else { return Ok(()) };
        let life = process.life;
        let event = match event {
            Local::Tick => {
                self.later(80, 100, Event::Life(at, life, Local::Tick));
                NodeEvent::Tick
            }
            Local::ToNode { link, message } if link == process.seat.link => {
                NodeEvent::Message(*message)
            }
            Local::Redirect { link, hint } if link == process.seat.link => {
                process.seat.hint = hint;
                return Ok(());
            }
            Local::Started { seq } => {
                let Some(running) = self.machines[at].executor.running.get(&seq) else {
                    return Ok(());
                };
                let (started_at, process) = (running.started_at, running.process);
                NodeEvent::Started { seq, at: started_at, process }
            }
            Local::Fetched { seq } => {
                let Some((_, finish)) = self.machines[at].executor.ended.get(&seq) else {
                    return Ok(());
                };
                NodeEvent::Finished { seq, finish: Box::new(finish.clone()) }
            }
            _ => return Ok(()),
        };
        let Some(process) = &mut self.machines[at].process else { return Ok(()) };
        let actions = process.worker.step(now, event);
        self.carry_out_node(at, actions)
    }

    pub fn carry_out_node(&mut self, at: At, mut actions: Vec<worker::Action>) -> Result<(), Stop> {
        if self.sabotage == Sabotage::StartBeforeJournal {
            start_first(&mut actions);
        }
        let Some(process) = &self.machines[at].process else { return Ok(()) };
        let life = process.life;
        for action in actions {
            if !is_routine(&action) {
                self.say(at, || format!("  node {action:?}"));
            }
            match action {
                worker::Action::Journal(record) => {
                    self.oracle.truth.wrote(at, &record);
                    let finished = matches!(record, JournalRecord::Finished { .. });
                    let seq = record.seq();
                    self.machines[at].journal.write(record);
                    if finished {
                        self.machines[at].executor.ended.remove(&seq);
                    }
                }
                worker::Action::Start(run) => {
                    self.start(at, &run)?;
                    if self.sabotage == Sabotage::DoubleStart && self.dice.percent(5) {
                        self.start(at, &run)?;
                    }
                }
                worker::Action::Kill(seq) => {
                    self.oracle.coverage.count("kill");
                    self.kill(at, seq);
                }
                worker::Action::Resume { seq, .. } => {
                    self.oracle.coverage.count("resume");
                    if self.machines[at].executor.ended.contains_key(&seq) {
                        self.later(0, 5, Event::Life(at, life, Local::Fetched { seq }));
                    }
                }
                worker::Action::Discard(seq) => {
                    self.machines[at].executor.ended.remove(&seq);
                    self.end_now(at, seq);
                }
                worker::Action::KillGroup(process) => {
                    let running = &self.machines[at].executor.running;
                    let of = |running: &Running| running.process == Some(process);
                    let found = running.iter().find(|(_, running)| of(running));
                    if let Some(seq) = found.map(|(seq, _)| *seq) {
                        self.end_now(at, seq);
                    }
                }
                worker::Action::Lease { from, lost_after } => {
                    self.machines[at].executor.lease = Some((from, lost_after));
                }
                worker::Action::Send(message) => self.say_to_leader(at, message),
            }
            if !self.calm && self.dice.chance(self.plan.crash) {
                return Err(Stop::Crashed(at));
            }
        }
        Ok(())
    }

    /// A hello goes to whoever is said to lead, else to anybody; all else follows the last hello.
    fn say_to_leader(&mut self, at: At, message: ToLeader) {
        let servers = self.plan.servers as u64;
        let Some(process) = &mut self.machines[at].process else { return };
        if matches!(message.body, News::Hello(_))
            && (process.seat.link == 0 || self.dice.percent(60))
        {
            let hint = process.seat.hint.take();
            let server = hint.unwrap_or_else(|| self.dice.below(servers) as At);
            process.seat.server = server;
            process.seat.link = self.network.link();
        }
        let (to, link) = (process.seat.server, process.seat.link);
        let (dice, plan) = (&mut self.dice, &self.plan);
        for when in self.network.deliveries(at, to, self.now, dice, plan) {
            let message = Box::new(message.clone());
            self.queue.push(when, Event::Here(to, Local::ToLeader { from: at, link, message }));
        }
    }

    /// The node's connection breaks: what is on its way never arrives.
    pub fn reset(&mut self, at: At) {
        let link = self.network.link();
        if let Some(process) = &mut self.machines[at].process {
            process.seat.link = link;
        }
        self.say(at, || "connection reset".into());
    }

    fn start(&mut self, at: At, run: &worker::Run) -> Result<(), Stop> {
        let Some(life) = self.machines[at].process.as_ref().map(|process| process.life) else {
            return Ok(());
        };
        self.oracle.started(run)?;
        let pace = match (self.calm, self.plan.silence) {
            (true, _) => Pace::Brisk,
            (_, true) => Pace::Slow,
            _ => Pace::Mixed,
        };
        let wall = self.clocks(at).wall;
        let executor = &mut self.machines[at].executor;
        let running = executor.start(run, wall, &mut self.dice, &self.plan, pace);
        let seq = run.seq;
        self.later(0, 1, Event::Life(at, life, Local::Started { seq }));
        if let Some(after) = running.ends_after {
            let end = Local::Over { seq, killed: false };
            self.queue.push(self.now + after, Event::Here(at, end));
        }
        Ok(())
    }

    /// An execution ends by itself or by force, whatever its agent does.
    pub fn over(&mut self, at: At, seq: Seq, killed: bool) {
        let wall = self.clocks(at).wall;
        let machine = &mut self.machines[at];
        let exclusive = machine.executor.is_exclusive(seq);
        if !machine.executor.end(seq, killed, wall) {
            return;
        }
        let life = machine.process.as_ref().map(|process| process.life);
        if self.sabotage != Sabotage::EarlyEnd || !exclusive {
            self.oracle.ended(seq);
        }
        if let Some(life) = life {
            self.later(0, 1, Event::Life(at, life, Local::Fetched { seq }));
        }
    }

    /// Somebody wants its end; it takes its time.
    fn kill(&mut self, at: At, seq: Seq) {
        if let Some(running) = self.machines[at].executor.running.get_mut(&seq) {
            running.killed = true;
        }
        if self.sabotage != Sabotage::NoFence {
            self.later(0, KILL, Event::Here(at, Local::Over { seq, killed: true }));
        }
    }

    fn end_now(&mut self, at: At, seq: Seq) {
        if self.machines[at].executor.running.remove(&seq).is_some() {
            self.oracle.ended(seq);
        }
    }

    /// The runner looks at the lease, agent or not.
    pub fn watch(&mut self, at: At) {
        let mono = self.clocks(at).mono;
        for seq in self.machines[at].executor.overdue(mono) {
            self.say(at, || format!("  the runner ends {seq}: the lease is over"));
            self.oracle.coverage.count("ended by the runner");
            self.kill(at, seq);
        }
        self.later(200, 300, Event::Here(at, Local::Watch));
    }
}

/// Comes so often that a trace is easier to read without it.
fn is_routine(action: &worker::Action) -> bool {
    let worker::Action::Send(message) = action else { return false };
    matches!(message.body, News::Hello(_) | News::Beat { .. })
}

/// The order that the worker forbids.
fn start_first(actions: &mut [worker::Action]) {
    for at in 1..actions.len() {
        let written =
            matches!(&actions[at - 1], worker::Action::Journal(JournalRecord::Accepted { .. }));
        if written && matches!(&actions[at], worker::Action::Start(_)) {
            actions.swap(at - 1, at);
        }
    }
}
