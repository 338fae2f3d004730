//! The shell around the machines: what the documentation of their inputs and actions asks of it.

use dkron_core::conductor::{Action, Conductor, Fate, Input, Options, RosterMember};
use dkron_core::domain::Now;
use dkron_core::ledger::{Command, Entry, Ledger, Outcome, Reply, Trigger};
use dkron_core::worker::{self, Event as NodeEvent, Past, Worker};

use crate::invariants::require;
use crate::log::{self, Waiting};
use crate::network::Way;
use crate::queue::Event;
use crate::sabotage::Sabotage;
use crate::workload::ROLE;
use crate::world::{Incoming, NODE, Process, Stop, World};

impl World {
    /// The process starts: rows, then the log, then the journal.
    pub fn boot(&mut self) -> Result<(), Stop> {
        if self.process.is_some() {
            return Ok(());
        }
        self.lives += 1;
        let life = self.lives;
        self.trace.say(|| format!("boot, life {life}"));
        let loaded = Ledger::load(self.disk.applied, self.disk.rows.values().cloned());
        let mut ledger = match loaded {
            Ok(ledger) => ledger,
            Err(error) => return Ok(require(false, "I6", || error.to_string())?),
        };
        self.oracle.replicas.loaded(&ledger)?;
        for entry in &self.log.entries[ledger.applied().0 as usize..] {
            let outcome = ledger.apply(entry.clone());
            self.oracle.applied(&ledger, &outcome)?;
            self.disk.write(entry.index, outcome.rows);
        }
        let same_boot = self.journal.boots() == self.booted;
        self.booted = self.journal.boots();
        let past = Past { journal: self.journal.records.clone(), survivors: Vec::new(), same_boot };
        let now = self.clock.now();
        let (worker, actions) = Worker::recover(self.node_options(), now, past);
        let boot_id = self.journal.boot_id();
        let options = Options {
            server: NODE.into(),
            boot_id,
            zone_data: "test".into(),
            settings: self.plan.settings.clone(),
            region: "global".into(),
        };
        let tags = [(ROLE.0.to_string(), ROLE.1.to_string())].into();
        let member = RosterMember { region: "global".into(), tags, alive: true };
        self.process = Some(Process {
            life,
            ledger,
            conductor: Conductor::new(options),
            worker,
            inbox: Default::default(),
            turn_at: None,
            stalled_until: Default::default(),
            stepped_at: None,
            offset: None,
            elected: true,
        });
        self.carry_out_node(actions)?;
        self.input(life, Input::Roster([(NODE.into(), member)].into()));
        self.input(life, Input::Elected);
        self.later(0, 100, Event::Tick { life });
        Ok(())
    }

    fn node_options(&self) -> worker::Options {
        worker::Options {
            node: NODE.into(),
            boot_id: self.journal.boot_id(),
            journal_id: self.journal.journal_id(),
            capacity: self.plan.capacity,
        }
    }

    /// The process ends without a word.
    pub fn crash(&mut self) -> Result<(), crate::invariants::Violation> {
        let Some(_) = self.process.take() else { return Ok(()) };
        let power = self.dice.percent(self.plan.power);
        self.trace.say(|| format!("crash, power lost: {power}"));
        self.oracle.coverage.count(format!("crash power={power}"));
        for seq in self.executor.crash() {
            self.oracle.ended(seq);
        }
        self.oracle.answers.died();
        let left = self.log.abandon();
        let kept = self.dice.below(left.len() as u64 + 1) as usize;
        for waiting in left.iter().take(kept) {
            self.append(waiting)?;
        }
        self.disk.crash(&mut self.dice);
        if power {
            self.oracle.truth.power_lost();
            self.journal.power_loss(&mut self.dice);
            if self.dice.percent(10) {
                self.journal.vanish();
            }
        }
        if self.sabotage == Sabotage::ForgetJournal && !power {
            self.journal.records.clear();
        }
        let down = self.dice.pick(&[100, 2_000, 12_000, 30_000]);
        let down = if self.calm { 100 } else { down };
        self.later(0, down, Event::Boot);
        Ok(())
    }

    /// A proposal becomes an entry.
    fn append(&mut self, waiting: &Waiting) -> Result<Entry, crate::invariants::Violation> {
        let entry = self.log.append(waiting);
        self.trace.say(|| format!("entry {entry:?}"));
        self.oracle.committed(&entry)?;
        self.trace.mix(self.oracle.ledger.state_hash());
        Ok(entry)
    }

    /// Proposals whose time has come enter the log.
    pub fn commit(&mut self) -> Result<(), Stop> {
        let now = self.clock.mono();
        while let Some(waiting) = self.log.pop(now) {
            if self.sabotage == Sabotage::DropReport
                && matches!(&waiting.command, Command::Report(report) if !report.ends.is_empty())
                && self.sabotaged == 0
            {
                self.sabotaged += 1;
                let fate = Fate::Applied(Reply::Done);
                self.input(waiting.life, Input::Resolved { ticket: waiting.ticket, fate });
                continue;
            }
            let entry = self.append(&waiting)?;
            if let Some(process) = self.living(waiting.life) {
                process.inbox.push_back(Incoming::Entry(Box::new(entry), waiting.told));
                self.wake(now);
            }
        }
        Ok(())
    }

    /// The conductor takes up everything that has gathered, then looks at the clock.
    pub fn turn(&mut self) -> Result<(), Stop> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.turn_at = None;
        let result = self.gathered(&mut process);
        if !matches!(result, Err(Stop::Crashed)) {
            self.process = Some(process);
        } else {
            // `crash` wants to find it.
            self.process = Some(process);
            return Err(Stop::Crashed);
        }
        let wakes = result?;
        if let Some(at) = wakes {
            self.wake(at);
        }
        if self.process.as_ref().is_some_and(|process| !process.inbox.is_empty()) {
            self.wake(self.clock.mono());
        }
        Ok(())
    }

    fn gathered(&mut self, process: &mut Process) -> Result<Option<core::time::Duration>, Stop> {
        let mut wake = None;
        while let Some(incoming) = process.inbox.pop_front() {
            match incoming {
                Incoming::Input(input) => self.step(process, *input, &mut wake)?,
                Incoming::Entry(entry, told) => {
                    let mut applied = vec![self.apply(process, *entry, told)?];
                    while self.plan.applies_ahead
                        && let Some(Incoming::Entry(..)) = process.inbox.front()
                        && let Some(Incoming::Entry(entry, told)) = process.inbox.pop_front()
                    {
                        applied.push(self.apply(process, *entry, told)?);
                    }
                    for inputs in applied {
                        for input in inputs {
                            self.step(process, input, &mut wake)?;
                        }
                    }
                }
            }
        }
        self.step(process, Input::Alarm, &mut wake)?;
        Ok(wake)
    }

    /// Applies an entry; what the conductor must hear of it.
    fn apply(
        &mut self,
        process: &mut Process,
        entry: Entry,
        told: bool,
    ) -> Result<Vec<Input>, Stop> {
        let (index, request) = (entry.index, entry.request);
        let missed = self.sabotage == Sabotage::MissEntry && self.sabotaged == 0;
        if missed && matches!(entry.command, Command::PutJob(_)) {
            self.sabotaged += 1;
            return Ok(Vec::new());
        }
        let Outcome { reply, rows, effects } = {
            let outcome = process.ledger.apply(entry);
            self.oracle.applied(&process.ledger, &outcome)?;
            outcome
        };
        self.disk.write(index, rows);
        let mut inputs = vec![Input::Effects(effects)];
        if let Some((life, ticket)) = request.map(log::ticket)
            && told
            && life == process.life
        {
            let fate = Fate::Applied(reply);
            inputs.push(Input::Resolved { ticket, fate });
        }
        if self.plan.replies_first {
            inputs.reverse();
        }
        Ok(inputs)
    }

    fn step(
        &mut self,
        process: &mut Process,
        input: Input,
        wake: &mut Option<core::time::Duration>,
    ) -> Result<(), Stop> {
        if !matches!(input, Input::Alarm) {
            self.trace.say(|| format!("  in  {input:?}"));
        }
        let now = self.clock.now();
        process.look(now, matches!(input, Input::Deposed));
        for action in process.conductor.step(&process.ledger, now, input) {
            self.trace.say(|| format!("  out {action:?}"));
            if let Action::Wake(at) = action {
                *wake = Some(wake.map_or(at, |earlier| earlier.min(at)));
                continue;
            }
            self.carry_out(process, now, action)?;
            if !self.calm && self.dice.chance(self.plan.crash) {
                return Err(Stop::Crashed);
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, process: &mut Process, now: Now, action: Action) -> Result<(), Stop> {
        let life = process.life;
        match action {
            Action::Propose { ticket, at, tenure, command } => {
                self.oracle.proposed(&command, now, process.stepped_at)?;
                let command = self.spoil(*command);
                self.propose(Waiting {
                    due: now.mono,
                    life,
                    ticket,
                    at,
                    tenure,
                    command,
                    told: true,
                });
            }
            Action::Send { node: _, message } => {
                let connection = self.network.connection;
                let (dice, plan) = (&mut self.dice, &self.plan);
                for at in self.network.deliveries(Way::ToNode, now.mono, dice, plan) {
                    let message = message.clone();
                    self.queue.push(at, Event::ToNode { life, connection, message });
                }
            }
            Action::Process { record, .. } => {
                self.later(0, 1_500, Event::Processed { life, seq: record.seq });
            }
            Action::Answer { ticket, answer } => self.oracle.answered(life, ticket, &answer)?,
            Action::Note(note) => {
                let text = format!("{note:?}");
                let word = text.split(['(', ' ']).next().unwrap_or_default();
                self.oracle.coverage.count(format!("note {word}"));
            }
            Action::Wake(_) => {}
        }
        Ok(())
    }

    fn propose(&mut self, mut waiting: Waiting) {
        let now = self.clock.mono();
        let (life, ticket) = (waiting.life, waiting.ticket);
        if !self.calm && self.dice.chance(self.plan.refuse) {
            let fate = Box::new(Fate::Refused);
            return self.later(0, 20, Event::Fate { life, ticket, fate });
        }
        let delay = self.dice.millis(0, self.plan.commit_millis);
        waiting.due = (now + delay).max(self.log_stalled_until);
        if !self.calm && self.dice.chance(self.plan.unknown) {
            waiting.told = false;
            let fate = Box::new(Fate::Unknown);
            self.later(0, 3_000, Event::Fate { life, ticket, fate });
            if self.dice.percent(30) {
                return;
            }
            waiting.due += self.dice.millis(0, 3_000);
        }
        let due = self.log.push(waiting);
        self.queue.push(due, Event::Commit);
    }

    /// Deliberate damage to a command.
    fn spoil(&mut self, mut command: Command) -> Command {
        let Command::Fire(fires) = &mut command else { return command };
        if self.sabotage == Sabotage::SkipSlot && self.sabotaged == 0 {
            for fire in fires.iter_mut().filter(|fire| fire.trigger == Trigger::Schedule) {
                if let Some(next) = fire.next {
                    let later = next.0.after(core::time::Duration::from_secs(60));
                    fire.next = Some(dkron_core::domain::Nominal(later));
                    self.sabotaged += 1;
                    break;
                }
            }
        }
        if self.sabotage == Sabotage::DropChild {
            fires.retain(|fire| !matches!(fire.trigger, Trigger::Child(_)));
        }
        command
    }
}

impl Process {
    /// What the conductor can know of the wall clock; a new leadership begins without memory.
    fn look(&mut self, now: Now, forgets: bool) {
        let offset = now.wall.unix_nanos() - now.mono.as_nanos() as i128;
        let before = self.offset.replace(offset);
        if before.is_some_and(|before| offset - before >= 2_000_000_000) {
            self.stepped_at = Some(now.mono);
        }
        if forgets {
            (self.offset, self.stepped_at) = (None, None);
        }
    }
}

/// The node's half.
impl World {
    pub fn node_event(&mut self, event: Event) -> Result<(), Stop> {
        let now = self.clock.now();
        let (life, event) = match event {
            Event::Tick { life } => {
                if self.living(life).is_some() {
                    self.later(80, 100, Event::Tick { life });
                }
                (life, NodeEvent::Tick)
            }
            Event::ToNode { life, connection, message } => {
                if connection != self.network.connection {
                    return Ok(());
                }
                (life, NodeEvent::Message(*message))
            }
            Event::Started { life, seq } => {
                let Some(running) = self.executor.running.get_mut(&seq) else { return Ok(()) };
                running.started_at = Some(now.wall);
                let process = running.process;
                (life, NodeEvent::Started { seq, at: now.wall, process })
            }
            Event::Finished { life, seq, killed } => {
                let alive = self.living(life).is_some();
                let finish = if alive { self.executor.end(seq, killed, now.wall) } else { None };
                let Some(finish) = finish else { return Ok(()) };
                self.oracle.ended(seq);
                (life, NodeEvent::Finished { seq, finish: Box::new(finish) })
            }
            _ => return Ok(()),
        };
        let Some(process) = self.living(life) else { return Ok(()) };
        let actions = process.worker.step(now, event);
        self.carry_out_node(actions)
    }

    pub fn carry_out_node(&mut self, actions: Vec<worker::Action>) -> Result<(), Stop> {
        let Some(life) = self.process.as_ref().map(|process| process.life) else { return Ok(()) };
        let now = self.clock.mono();
        for action in actions {
            self.trace.say(|| format!("  node {action:?}"));
            match action {
                worker::Action::Journal(record) => {
                    self.oracle.truth.wrote(&record);
                    self.journal.write(record);
                }
                worker::Action::Start(run) => {
                    self.start(&run)?;
                    if self.sabotage == Sabotage::DoubleStart && self.dice.percent(5) {
                        self.start(&run)?;
                    }
                }
                worker::Action::Kill(seq) => {
                    self.oracle.coverage.count("kill".into());
                    self.later(0, 9_000, Event::Finished { life, seq, killed: true });
                }
                worker::Action::KillGroup(process) => {
                    self.executor.running.retain(|_, running| running.process != Some(process));
                }
                // Executions die with the agent here: none is resumed, and nobody else ends one.
                worker::Action::Resume { .. }
                | worker::Action::Discard(_)
                | worker::Action::Lease { .. } => {}
                worker::Action::Send(message) => {
                    let connection = self.network.connection;
                    let (dice, plan) = (&mut self.dice, &self.plan);
                    for at in self.network.deliveries(Way::ToLeader, now, dice, plan) {
                        let message = Box::new(message.clone());
                        self.queue.push(at, Event::ToLeader { life, connection, message });
                    }
                }
            }
            if !self.calm && self.dice.chance(self.plan.crash) {
                return Err(Stop::Crashed);
            }
        }
        Ok(())
    }

    fn start(&mut self, run: &worker::Run) -> Result<(), Stop> {
        let Some(life) = self.process.as_ref().map(|process| process.life) else { return Ok(()) };
        self.oracle.started(run)?;
        let running = self.executor.start(run, &mut self.dice, self.calm);
        let seq = run.seq;
        self.later(0, 1, Event::Started { life, seq });
        if let Some(after) = running.ends_after {
            let at = self.clock.mono() + after;
            self.queue.push(at, Event::Finished { life, seq, killed: false });
        }
        Ok(())
    }
}
