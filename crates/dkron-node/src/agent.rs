//! A node that runs things and decides nothing: no log, no state, no jobs. Its data directory
//! holds the manifest, the journal and what outputs need while they grow.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::NodeName;
use dkron_exec::Registry;
use dkron_exec::runner::{Held, RunnerClient};
use dkron_store::Durability;
use dkron_store::data_dir::DataDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cluster::Book;
use crate::error::Error;
use crate::hands::{self, Farewell, Grip, Hands, recall};
use crate::node::MESSAGES;
use crate::outputs::LiveOutputs;
use crate::rpc::{Target, Wire};
use crate::session::{self, Guide, Outlet, Remote};
use crate::threads::thread;

/// Everything that makes an agent.
pub struct AgentOptions {
    pub name: NodeName,
    /// It works for the servers of this region.
    pub region: String,
    pub data: DataDir,
    /// Of the journal.
    pub durability: Durability,
    pub executors: Registry,
    /// What starts processes and outlives this agent; without it all runs die with the agent.
    pub runner: Option<RunnerClient>,
    /// What it held when it was opened: runs of earlier lives.
    pub held: Vec<Held>,
    pub wire: Arc<dyn Wire>,
    pub book: Book,
    /// Servers that it knew when it was last up.
    pub roster: Vec<Target>,
}

/// A running agent.
pub struct Agent {
    /// What its runs write, while they go on.
    pub outputs: LiveOutputs,
    grip: Grip,
    failed: mpsc::Receiver<String>,
    /// End with the agent.
    tasks: JoinSet<()>,
    /// Holds the lock of the data directory until everything has ended.
    _data: DataDir,
}

impl Agent {
    /// Waits until the agent can not go on, and says why.
    pub async fn ended(&mut self) -> String {
        self.failed.recv().await.unwrap_or_default()
    }

    /// Lets go of all runs, as `Node::hand_over`.
    pub async fn hand_over(&self) {
        self.grip.hand_over().await;
    }

    /// Waits for what must not go on without it at most for `patience`, then stops. What the
    /// runner keeps goes on, unless the agent leaves for good.
    pub async fn stop(mut self, farewell: Farewell, patience: Duration) {
        if !self.grip.part(farewell, patience).await {
            tracing::warn!("stopping while executions run: they will be recorded as lost");
        }
        self.tasks.shutdown().await;
        if farewell == Farewell::HandOver {
            self.hand_over().await;
        }
    }
}

/// Starts an agent. It finds its leader by itself, whenever there is one. Must be called within a
/// runtime.
pub fn start_agent(options: AgentOptions) -> Result<Agent, Error> {
    let data = options.data;
    let recalled = recall(&data, options.durability, &options.name, &options.held)?;
    let spool = data.spool_path();
    std::fs::create_dir_all(&spool).map_err(|source| Error::Thread { name: "hands", source })?;
    let (fail, failed) = mpsc::channel(4);
    let (orders, messages) = mpsc::channel(MESSAGES);
    let (grip, gripped) = Grip::new();
    let (outlet, outputs) = (Outlet::closed(options.name), LiveOutputs::default());
    let wire = options.wire;
    let hands = Hands::run(hands::Parts {
        recalled,
        messages,
        outlet: outlet.clone(),
        gripped,
        executors: options.executors,
        runner: options.runner,
        held: options.held,
        spool: Arc::from(spool),
        shipper: Arc::new(Remote::new(Arc::clone(&wire), outlet.linked(), None)),
        outputs: outputs.clone(),
        pool: tokio::runtime::Handle::current(),
    });
    thread("hands", &fail, hands)?;
    let (book, region, roster) = (options.book, options.region, options.roster);
    let guide = Guide::Agent { book, region, roster };
    let mut tasks = JoinSet::new();
    let shard = data.shard();
    tasks.spawn(session::run(session::Parts { shard, guide, wire, outlet, hands: orders }));
    Ok(Agent { outputs, grip, failed, tasks, _data: data })
}
