//! The node's hands: a thread that owns the worker machine and its journal, and starts what it
//! says. It talks to whoever leads through an outlet (`session`).

mod grip;
mod journal;
mod recall;
mod run;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{Finish, Now, Seq, Timestamp};
use dkron_core::worker::{Action, Event as Step, JournalRecord, Process, Run, Worker};
use dkron_exec::runner::{Held, RunnerClient};
use dkron_exec::{CancelToken, Registry};
use tokio::sync::{mpsc, oneshot};

use crate::clocks;
use crate::outputs::{LiveOutputs, Shipper};
use crate::session::{Inbound, Outlet};
use crate::telemetry::Timer;
use grip::Left;
pub use grip::{Farewell, Grip, Gripped};
pub use journal::Journal;
#[cfg(test)]
pub use journal::Records;
pub use recall::{Recalled, recall};
use run::Starter;

/// How often the worker looks at the clock.
const TICK: Duration = Duration::from_millis(100);
/// Inputs taken in one go.
const BATCH: usize = 512;

/// What executions tell the thread. Bounded by the runs that a node takes.
pub enum Told {
    Started { seq: Seq, at: Timestamp, process: Option<Process> },
    Finished { seq: Seq, finish: Box<Finish> },
}

/// How the thread is told of the node's end.
pub enum Parting {
    /// What is left is counted from now on.
    Wait,
    /// The node leaves for good: what runs is ended.
    Leave,
    /// From now on nothing is written down and nothing told: what the runner keeps is another
    /// agent's. Dropped when that is so.
    HandOver(oneshot::Sender<()>),
}

/// What the thread is started with.
pub struct Parts {
    pub recalled: Recalled,
    pub messages: mpsc::Receiver<Inbound>,
    /// The way to the leader.
    pub outlet: Outlet,
    /// The end of the node is near.
    pub gripped: Gripped,
    pub executors: Registry,
    pub runner: Option<RunnerClient>,
    /// What it held when it was opened.
    pub held: Vec<Held>,
    pub spool: Arc<Path>,
    pub shipper: Arc<dyn Shipper>,
    pub outputs: LiveOutputs,
    pub pool: tokio::runtime::Handle,
}

/// An execution that goes on.
struct Running {
    cancel: CancelToken,
    survives: bool,
}

/// The thread's state.
pub struct Hands {
    worker: Worker,
    journal: Journal,
    outlet: Outlet,
    starter: Starter,
    running: HashMap<Seq, Running>,
    /// How many of them outlive the agent.
    survivors: usize,
    /// The node ends: what is left is counted.
    parting: bool,
    /// What the runner held at the start, until it is taken up.
    held: HashMap<Seq, Held>,
    /// As the last welcome said.
    lost_after: Duration,
    renewed: Duration,
    /// When results were told that are not acknowledged yet.
    told_at: HashMap<Seq, Duration>,
}

impl Hands {
    /// Runs until the leader's end is gone.
    pub async fn run(parts: Parts) {
        let (told, mut news) = mpsc::unbounded_channel();
        let starter = Starter {
            executors: parts.executors,
            runner: parts.runner,
            spool: parts.spool,
            shipper: parts.shipper,
            outputs: parts.outputs,
            pool: parts.pool,
            told,
        };
        let (mut messages, Gripped { mut parting, left }) = (parts.messages, parts.gripped);
        let Recalled { worker, journal, first, .. } = parts.recalled;
        let held = parts.held.into_iter().map(|held| (Seq(held.seq), held)).collect();
        let mut own = Hands {
            worker,
            journal,
            outlet: parts.outlet,
            starter,
            running: HashMap::new(),
            survivors: 0,
            parting: false,
            held,
            lost_after: Duration::ZERO,
            renewed: Duration::ZERO,
            told_at: HashMap::new(),
        };
        own.act(first);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                // Heartbeats come of it: a flood of messages must not hold it up.
                biased;
                _ = tick.tick() => own.step(clocks::now(), Step::Tick),
                Some(parting) = parting.recv() => match parting {
                    Parting::Wait => own.part(),
                    Parting::Leave => {
                        own.part();
                        own.step(clocks::now(), Step::Leave);
                    }
                    Parting::HandOver(_done) => return,
                },
                message = messages.recv() => match message {
                    Some(message) => own.hear(clocks::now(), message),
                    None => return,
                },
                Some(told) = news.recv() => own.told(clocks::now(), told),
            }
            let now = clocks::now();
            for _ in 0..BATCH {
                let Ok(told) = news.try_recv() else { break };
                own.told(now, told);
            }
            for _ in 0..BATCH {
                let Ok(message) = messages.try_recv() else { break };
                own.hear(now, message);
            }
            if own.parting {
                let (owing, surviving) = (own.worker.owing(), own.survivors);
                let now = Some(Left { owing, surviving, told: own.worker.has_parted() });
                left.send_if_modified(|seen| std::mem::replace(seen, now) != now);
            }
            own.journal.compact(&own.worker);
        }
    }

    fn part(&mut self) {
        self.parting = true;
        self.step(clocks::now(), Step::Part);
    }

    fn hear(&mut self, now: Now, message: Inbound) {
        match message {
            Inbound::Linked => self.step(now, Step::Linked),
            Inbound::Recovered => self.step(now, Step::Recovered),
            Inbound::Order(message) => self.step(now, Step::Message(message)),
        }
    }

    fn told(&mut self, now: Now, told: Told) {
        match told {
            Told::Started { seq, at, process } => {
                self.step(now, Step::Started { seq, at, process });
            }
            Told::Finished { seq, finish } => {
                if self.running.remove(&seq).is_some_and(|running| running.survives) {
                    self.survivors -= 1;
                }
                self.told_at.insert(seq, now.mono);
                if let Some(started_at) = finish.started_at {
                    let took = finish.finished_at.since(started_at);
                    Timer::AgentRun.record(took);
                }
                self.step(now, Step::Finished { seq, finish });
            }
        }
    }

    fn step(&mut self, now: Now, event: Step) {
        let actions = self.worker.step(now, event);
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Journal(record) => {
                    if let JournalRecord::Forgotten { seq } = record
                        && let Some(at) = self.told_at.remove(&seq)
                    {
                        let took = clocks::now().mono.saturating_sub(at);
                        Timer::CallExecutionDone.record(took);
                    }
                    self.journal.write(&record);
                    if let JournalRecord::Finished { seq, .. } = record {
                        self.starter.executors.forget(seq.0);
                    }
                }
                Action::Start(run) => self.start(&run),
                Action::Resume { seq, started_at, terms } => {
                    let Some(held) = self.held.remove(&seq) else { continue };
                    let cancel = CancelToken::new();
                    self.starter.resume(&held, started_at, &terms, &cancel);
                    self.enter(seq, Running { cancel, survives: true });
                }
                Action::Kill(seq) => {
                    if let Some(running) = self.running.get(&seq) {
                        running.cancel.cancel();
                    }
                }
                Action::KillGroup(process) => run::kill_group(process),
                Action::Discard(seq) => {
                    if let Some(held) = self.held.remove(&seq) {
                        self.starter.discard(&held);
                    }
                }
                Action::Lease { from, lost_after } => self.renew(from, lost_after),
                Action::Send(message) => self.outlet.send(message),
            }
        }
    }

    fn start(&mut self, run: &Run) {
        let cancel = CancelToken::new();
        let survives = self.starter.start(run, self.lost_after, cancel.clone());
        self.enter(run.seq, Running { cancel, survives });
    }

    fn enter(&mut self, seq: Seq, running: Running) {
        self.survivors += usize::from(running.survives);
        self.running.insert(seq, running);
    }

    /// The runner ends exclusive executions when nobody renews their lease any more.
    fn renew(&mut self, from: Duration, lost_after: Duration) {
        self.lost_after = lost_after;
        if from > self.renewed
            && let Some(runner) = &self.starter.runner
        {
            self.renewed = from;
            runner.renew(clocks::now().mono.saturating_sub(from));
        }
    }
}
