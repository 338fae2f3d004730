//! A server's half of the shell: what the documentation of the conductor's inputs and actions asks
//! of whoever runs it.

use core::time::Duration;

use dkron_core::conductor::{Action, Fate, Input, Note, RosterMember};
use dkron_core::domain::{HistoryNo, Now};
use dkron_core::ledger::{Command, Entry, Outcome, Reply};
use dkron_core::worker::{News, Order, ToLeader, ToNode};

use crate::lanes::Waiting;
use crate::log::{self, Proposal};
use crate::machine::{At, Brain, Incoming, Machine};
use crate::queue::{Event, Local};
use crate::sabotage::Sabotage;
use crate::world::{Stop, World};

/// Looks in a row after which a silent member counts as dead.
const MISSED: u32 = 2;

impl World {
    /// The conductor takes up everything that has gathered, then looks at the clock.
    pub fn turn(&mut self, at: At) -> Result<(), Stop> {
        let process = self.machines[at].process.as_mut();
        let Some(mut brain) = process.and_then(|process| process.brain.take()) else {
            return Ok(());
        };
        brain.turn_at = None;
        self.feed(&mut brain);
        self.look_at_leadership(&mut brain);
        let result = self.gathered(&mut brain);
        let more = !brain.inbox.is_empty();
        if let Some(process) = &mut self.machines[at].process {
            process.brain = Some(brain);
        }
        if let Some(mono) = result? {
            let when = self.machines[at].clock.when(mono);
            self.wake(at, when);
        }
        if more {
            self.wake(at, self.now);
        }
        Ok(())
    }

    fn gathered(&mut self, brain: &mut Brain) -> Result<Option<Duration>, Stop> {
        let mut wake = None;
        let mut applied_any = false;
        while let Some(incoming) = brain.inbox.pop_front() {
            match incoming {
                Incoming::Input(input) => self.step(brain, *input, &mut wake)?,
                Incoming::Entry(entry) => {
                    applied_any = true;
                    let mut applied = vec![self.apply(brain, *entry)?];
                    while self.plan.applies_ahead
                        && let Some(Incoming::Entry(..)) = brain.inbox.front()
                        && let Some(Incoming::Entry(entry)) = brain.inbox.pop_front()
                    {
                        applied.push(self.apply(brain, *entry)?);
                    }
                    for inputs in applied {
                        for input in inputs {
                            self.step(brain, input, &mut wake)?;
                        }
                    }
                }
            }
        }
        if applied_any {
            self.oracle.replicas.compare(&brain.ledger)?;
        }
        self.step(brain, Input::Alarm, &mut wake)?;
        Ok(wake)
    }

    /// Applies an entry; what the conductor must hear of it.
    fn apply(&mut self, brain: &mut Brain, entry: Entry) -> Result<Vec<Input>, Stop> {
        let (index, request) = (entry.index, entry.request);
        let missed = self.sabotage == Sabotage::MissEntry && self.sabotaged == 0;
        if missed && matches!(entry.command.inner(), Command::PutJob(_)) {
            self.sabotaged += 1;
            return Ok(Vec::new());
        }
        let outcome = brain.ledger.apply(entry);
        self.oracle.replicas.applied(&brain.ledger, &outcome)?;
        let Outcome { reply, rows, effects } = outcome;
        if let Some(server) = &mut self.machines[brain.at].server {
            server.rows.write(index, rows);
        }
        let mut inputs = vec![Input::Effects(effects)];
        if let Some((life, ticket)) = request.map(log::ticket)
            && life == brain.life
        {
            inputs.push(Input::Resolved { ticket, fate: Fate::Applied(reply) });
        }
        if self.plan.replies_first {
            inputs.reverse();
        }
        Ok(inputs)
    }

    fn step(
        &mut self,
        brain: &mut Brain,
        input: Input,
        wake: &mut Option<Duration>,
    ) -> Result<(), Stop> {
        let at = brain.at;
        if !is_quiet(&input) {
            self.say(at, || format!("  in  {input:?}"));
        }
        let now = self.clocks(at);
        brain.look(now, matches!(input, Input::Deposed));
        match &input {
            Input::Roster(roster) => brain.known = roster.clone(),
            Input::Clocks { voters, offsets } => brain.clocks.compared(*voters, offsets, now.mono),
            Input::Deposed => brain.clocks.deposed(),
            _ => {}
        }
        for action in brain.conductor.step(&brain.ledger, now, input) {
            if let Action::Wake(at) = action {
                *wake = Some(wake.map_or(at, |earlier| earlier.min(at)));
                continue;
            }
            if !is_routine(&action) {
                self.say(at, || format!("  out {action:?}"));
            }
            self.carry_out(brain, now, action)?;
            if !self.calm && self.dice.chance(self.plan.crash) {
                return Err(Stop::Crashed(at));
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, brain: &mut Brain, now: Now, action: Action) -> Result<(), Stop> {
        let life = brain.life;
        match action {
            Action::Propose { ticket, at, tenure, command } => {
                let command = self.spoil(*command, &brain.ledger);
                self.oracle.proposed(ticket, &command, now, brain)?;
                self.propose(brain, Proposal { life, ticket, at, tenure, command });
            }
            Action::Send { node, message } => self.send(brain, node.as_str(), &message),
            Action::Process { record, .. } => {
                let seq = record.seq;
                self.later(0, 1_500, Event::Life(brain.at, life, Local::Processed { seq }));
            }
            Action::Answer { ticket, answer } => self.oracle.answered(life, ticket, &answer)?,
            Action::Note(note) => {
                if matches!(note, Note::InOffice(_)) {
                    brain.clocks.took_office(now.mono);
                    self.later(0, 30, Event::Life(brain.at, life, Local::Compare { again: false }));
                }
                let text = format!("{note:?}");
                let word = text.split(['(', ' ']).next().unwrap_or_default();
                self.oracle.coverage.count(&format!("note {word}"));
            }
            Action::HandOver { to } => {
                let to = self.machines.iter().position(|machine| machine.name == to);
                let to = to.expect("a server of this world");
                self.later(0, 300, Event::Life(brain.at, life, Local::HandOver { to }));
            }
            Action::Wake(_) => {}
        }
        Ok(())
    }

    fn propose(&mut self, brain: &mut Brain, proposal: Proposal) {
        let (at, life, ticket) = (brain.at, brain.life, proposal.ticket);
        let fate = |fate| Event::Life(at, life, Local::Fate { ticket, fate: Box::new(fate) });
        if !self.calm && self.dice.chance(self.plan.refuse) {
            return self.later(0, 20, fate(Fate::Refused));
        }
        if self.sabotage == Sabotage::DropReport
            && let Command::Report(report) = proposal.command.inner()
            && !report.ends.is_empty()
            && self.sabotaged == 0
        {
            self.sabotaged += 1;
            return self.later(0, 20, fate(Fate::Applied(Reply::Done)));
        }
        let mut due = (self.now + self.dice.millis(0, 2)).max(self.log_stalled_until);
        if !self.calm && self.dice.chance(self.plan.unknown) {
            self.later(0, 3_000, fate(Fate::Unknown));
            if self.dice.percent(30) {
                return;
            }
            due += self.dice.millis(0, 3_000);
        }
        let due = brain.lanes.push(Waiting { due, proposal });
        self.queue.push(due, Event::Life(at, life, Local::Enter));
    }

    /// To a node that has a connection to this server.
    fn send(&mut self, brain: &mut Brain, node: &str, message: &ToNode) {
        let to = self.machines.iter().position(|machine| machine.name.as_str() == node);
        let Some((to, link)) = to.and_then(|to| Some((to, *brain.links.get(&to)?))) else { return };
        let (dice, plan) = (&mut self.dice, &self.plan);
        for at in self.network.deliveries(brain.at, to, self.now, dice, plan) {
            let message = Box::new(message.clone());
            self.queue.push(at, Event::Here(to, Local::ToNode { link, message }));
        }
    }

    /// A node speaks to this server; one that does not lead says so.
    pub fn hear(&mut self, at: At, from: At, link: u64, message: Box<ToLeader>) {
        if !self.network.passes(from, at, self.now) {
            return;
        }
        let hello = matches!(message.body, News::Hello(_));
        let Some(brain) = self.brain(at) else { return };
        if hello && brain.conductor.tenure().is_none() {
            // It knows who sent it the last word of the log, or nobody.
            let hint = self.leader().filter(|_| self.dice.percent(70));
            self.later(0, 2, Event::Here(from, Local::Redirect { link, hint }));
            return;
        }
        if hello {
            brain.links.insert(from, link);
        }
        if brain.links.get(&from) == Some(&link) {
            let node = self.machines[from].name.clone();
            self.input(at, Input::FromNode { node, message });
        }
    }

    /// A look at the members: who can not be reached twice in a row counts as dead.
    pub fn gossip(&mut self, at: At) {
        let now = self.now;
        let reached = |other: At| {
            let machine = &self.machines[other];
            let answers = machine.process.is_some() && machine.frozen_until <= now;
            answers && self.network.passes_both(at, other, now)
        };
        let seen: Vec<bool> = (0..self.machines.len()).map(reached).collect();
        let tags = |machine: &Machine| (!machine.left).then(|| machine.tags.clone());
        let there: Vec<_> = self.machines.iter().map(tags).collect();
        let names: Vec<_> = self.machines.iter().map(|machine| machine.name.clone()).collect();
        self.age(at);
        self.tell_versions(at);
        let Some(brain) = self.brain(at) else { return };
        let mut changed = false;
        for (other, seen) in seen.into_iter().enumerate() {
            let missed = brain.missed.entry(other).or_default();
            *missed = if seen { 0 } else { *missed + 1 };
            let alive = *missed < MISSED;
            let member = there[other].clone().map(|tags| {
                let region = "global".into();
                RosterMember { region, tags, alive }
            });
            if brain.roster.get(&names[other]) != member.as_ref() {
                match member {
                    Some(member) => drop(brain.roster.insert(names[other].clone(), member)),
                    None => drop(brain.roster.remove(&names[other])),
                }
                changed = true;
            }
        }
        let (life, roster) = (brain.life, brain.roster.clone());
        if changed {
            self.input(at, Input::Roster(roster));
        }
        self.later(1_500, 3_000, Event::Life(at, life, Local::Gossip));
    }
}

impl World {
    /// Now and then some of a job's history is found to be too old.
    fn age(&mut self, at: At) {
        if self.quiet || !self.dice.percent(20) {
            return;
        }
        let throw = self.dice.throw() as usize;
        let Some(brain) = self.brain_of(at) else { return };
        let job = brain.ledger.jobs().nth(throw % brain.ledger.job_count().max(1));
        let job = job.map(|job| (job.job_no, job.runtime.clone()));
        let Some((job_no, runtime)) = job else { return };
        let first = HistoryNo(self.dice.between(runtime.first_no.0, runtime.next_no.0));
        self.input(at, Input::TooOld { job_no, first });
    }
}

/// Comes so often that a trace is easier to read without it.
fn is_quiet(input: &Input) -> bool {
    match input {
        Input::Alarm | Input::Versions { .. } => true,
        Input::Effects(effects) => effects.is_empty(),
        Input::FromNode { message, .. } => {
            matches!(message.body, News::Hello(_) | News::Beat { .. })
        }
        _ => false,
    }
}

fn is_routine(action: &Action) -> bool {
    let Action::Send { message, .. } = action else { return false };
    matches!(message.body, Order::Beat { .. })
}
