//! The node's hands: a thread that owns the worker machine and its journal, and starts what it
//! says. On one node the leader's messages come over a channel.

mod journal;
mod run;

use std::collections::HashMap;
use std::time::Duration;

use dkron_core::domain::{Finish, NodeName, Now, Seq, Timestamp};
use dkron_core::worker::{Action, Event as Step, JournalRecord, Process, Run, ToNode, Worker};
use dkron_exec::{CancelToken, Registry};
use dkron_store::blob::Blobs;
use tokio::sync::mpsc;

use crate::clocks;
use crate::event::Event;
use crate::outputs::LiveOutputs;
use crate::telemetry::Timer;
pub use journal::Journal;
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

/// What the thread is started with.
pub struct Parts {
    pub node: NodeName,
    pub worker: Worker,
    /// What recovery left to do.
    pub first: Vec<Action>,
    pub journal: Journal,
    pub messages: mpsc::Receiver<ToNode>,
    pub leader: mpsc::UnboundedSender<Event>,
    pub executors: Registry,
    pub blobs: std::sync::Arc<Blobs>,
    pub outputs: LiveOutputs,
    pub pool: tokio::runtime::Handle,
}

/// The thread's state.
pub struct Hands {
    node: NodeName,
    worker: Worker,
    journal: Journal,
    leader: mpsc::UnboundedSender<Event>,
    starter: Starter,
    cancels: HashMap<Seq, CancelToken>,
    /// When results were told that are not acknowledged yet.
    told_at: HashMap<Seq, Duration>,
}

impl Hands {
    /// Runs until the leader's end is gone.
    pub async fn run(parts: Parts) {
        let (told, mut news) = mpsc::unbounded_channel();
        let starter = Starter {
            executors: parts.executors,
            blobs: parts.blobs,
            outputs: parts.outputs,
            pool: parts.pool,
            told,
        };
        let mut messages = parts.messages;
        let mut own = Hands {
            node: parts.node,
            worker: parts.worker,
            journal: parts.journal,
            leader: parts.leader,
            starter,
            cancels: HashMap::new(),
            told_at: HashMap::new(),
        };
        own.act(parts.first);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => own.step(clocks::now(), Step::Message(message)),
                    None => return,
                },
                Some(told) = news.recv() => own.told(clocks::now(), told),
                _ = tick.tick() => own.step(clocks::now(), Step::Tick),
            }
            let now = clocks::now();
            for _ in 0..BATCH {
                let Ok(told) = news.try_recv() else { break };
                own.told(now, told);
            }
            for _ in 0..BATCH {
                let Ok(message) = messages.try_recv() else { break };
                own.step(now, Step::Message(message));
            }
            own.journal.compact(&own.worker);
        }
    }

    fn told(&mut self, now: Now, told: Told) {
        match told {
            Told::Started { seq, at, process } => {
                self.step(now, Step::Started { seq, at, process });
            }
            Told::Finished { seq, finish } => {
                self.cancels.remove(&seq);
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
                Action::Start(run) => self.start(*run),
                Action::Kill(seq) => {
                    if let Some(cancel) = self.cancels.get(&seq) {
                        cancel.cancel();
                    }
                }
                Action::KillGroup(process) => run::kill_group(process),
                // The runner dies with its agent: there is nothing to take over, nor to be told.
                Action::Resume { .. } | Action::Discard(_) | Action::Lease { .. } => {}
                Action::Send(message) => {
                    let (node, message) = (self.node.clone(), Box::new(message));
                    // The leader's thread ends before this one.
                    let _ = self.leader.send(Event::FromNode { node, message });
                }
            }
        }
    }

    fn start(&mut self, run: Run) {
        let cancel = CancelToken::new();
        self.cancels.insert(run.seq, cancel.clone());
        self.starter.start(run, cancel);
    }
}
