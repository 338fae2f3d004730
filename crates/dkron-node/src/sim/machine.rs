//! One machine: a node, perhaps with a server beside it. What its disks hold outlives its process.

use std::sync::{Arc, Mutex};

use dkron_core::domain::NodeName;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::journal::Journal;
use super::node;
use super::process::{Clock, Process};
use super::server::{self, Server};
use super::world::World;
use super::{log, net, rows};
use crate::hands::Grip;
use crate::rpc::{Caller, Role, Wire};
use crate::session::Guide;

pub struct Machine {
    pub at: usize,
    pub id: u64,
    pub name: NodeName,
    pub clock: Arc<Mutex<Clock>>,
    pub journal: Journal,
    /// None = an agent.
    pub server: Option<Disks>,
    pub life: Option<Life>,
}

/// What a server keeps, while no process has it.
#[derive(Default)]
pub struct Disks {
    pub log: log::Content,
    pub rows: rows::Content,
}

/// What a crash takes along.
pub struct Life {
    pub process: Arc<Process>,
    /// None of these ends by itself.
    pub tasks: JoinSet<()>,
    /// These may.
    pub sides: JoinSet<()>,
    pub server: Option<Server>,
    /// Hands without it have nobody to let go for.
    pub _grip: Grip,
}

impl Machine {
    pub async fn boot(&mut self, world: &World) {
        let life = world.with(|inner| {
            inner.lives += 1;
            inner.lives
        });
        let process = Arc::new(Process {
            at: self.at,
            life,
            world: world.clone(),
            begun: world.begun(),
            clock: Arc::clone(&self.clock),
            dead: CancellationToken::new(),
            ids: Mutex::default(),
            turns: Mutex::new((world.begun(), 0)),
        });
        world.say(|| format!("{} boots, life {life}", self.name));
        let life = match self.server {
            Some(_) => server::boot(world, self, process).await,
            None => self.agent(world, process),
        };
        self.life = Some(life);
    }

    fn agent(&self, world: &World, process: Arc<Process>) -> Life {
        let (name, id) = (self.name.clone(), self.id);
        let own = Caller { id, name: name.to_string(), role: Role::Agent, version: 1 };
        let line = net::Line { world: world.clone(), own, process: Arc::clone(&process) };
        let wire: Arc<dyn Wire> = Arc::new(line);
        let guide = Guide::Agent { book: world.book(), region: "global".into() };
        let orders = tokio::sync::mpsc::channel(crate::node::MESSAGES);
        let capacity = world.with(|inner| inner.plan.capacity);
        let mut tasks = JoinSet::new();
        let parts = node::Parts {
            process: &process,
            name,
            journal: &self.journal,
            guide,
            wire,
            capacity,
            orders,
        };
        let grip = node::start(parts, &mut tasks);
        Life { process, tasks, sides: JoinSet::new(), server: None, _grip: grip }
    }

    /// The process ends without a word; with the power, more than the process is lost.
    pub fn crash(&mut self, world: &World, power: bool) {
        let Some(life) = self.life.take() else { return };
        let process = life.process;
        process.dead.cancel();
        world.say(|| format!("{} dies, power lost: {power}", self.name));
        if let Some(server) = life.server {
            let disks = self.server.as_mut().expect("a server");
            world.with(|inner| {
                disks.log = server.log.crash(&mut inner.dice);
                disks.rows = server.rows.crash(&mut inner.dice);
            });
            // What goes on in the library ends, too; it reaches nobody any more.
            tokio::spawn(async move { server.raft.shutdown().await });
        }
        world.with(|inner| {
            inner.died(self.id, process.life);
            if power {
                inner.judge.oracle.truth.power_lost(self.at);
                self.journal.lose_power(&mut inner.dice);
            }
        });
        if world.plant() == super::world::Plant::ForgottenJournal {
            self.journal.forget();
        }
    }

    pub fn flush(&self) {
        self.journal.flush();
        if let Some(server) = self.life.as_ref().and_then(|life| life.server.as_ref()) {
            server.rows.flush();
        }
    }

    /// The server of a living process.
    pub fn serving(&self) -> Option<&Server> {
        self.life.as_ref()?.server.as_ref()
    }

    /// Why it can not go on, if it can not.
    pub fn trouble(&mut self) -> Option<String> {
        let life = self.life.as_mut()?;
        for tasks in [&mut life.tasks, &mut life.sides] {
            while let Some(ended) = tasks.try_join_next() {
                if let Err(err) = ended
                    && err.is_panic()
                {
                    let panic = err.into_panic();
                    let text = panic.downcast_ref::<String>().cloned();
                    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).into()));
                    return Some(text.unwrap_or_default());
                }
            }
        }
        life.server.as_mut().and_then(|server| server.failed.try_recv().ok())
    }
}
