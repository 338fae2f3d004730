//! A node that runs things and decides nothing: no log, no state, no jobs. Its data directory
//! holds the manifest, the journal and what outputs need while they grow.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dkron_core::domain::NodeName;
use dkron_exec::Registry;
use dkron_exec::runner::{Held, RunnerClient};
use dkron_store::Durability;
use dkron_store::data_dir::DataDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::cluster::{Book, Leader, Mark, Marked};
use crate::error::Error;
use crate::forward::{self, Front};
use crate::hands::{self, Farewell, Grip, Hands, recall};
use crate::network::{Listens, Network, NetworkOptions, Retag, Who};
use crate::node::{MESSAGES, node_number};
use crate::outputs::{self, LiveOutputs};
use crate::rpc::{Role, Router, Wire};
use crate::session::{self, Guide, Inbound, Outlet, Remote};
use crate::threads::thread;

/// Everything that makes an agent.
pub struct AgentOptions {
    pub name: NodeName,
    /// It works for the servers of this region.
    pub region: String,
    /// As others see them.
    pub tags: BTreeMap<String, String>,
    pub data: DataDir,
    /// Of the journal.
    pub durability: Durability,
    pub executors: Registry,
    /// What starts processes and outlives this agent; without it all runs die with the agent.
    pub runner: Option<RunnerClient>,
    /// What it held when it was opened: runs of earlier lives.
    pub held: Vec<Held>,
    pub network: NetworkOptions,
}

/// A running agent.
pub struct Agent {
    /// What serves requests of operators; to be set.
    pub front: Arc<OnceLock<Front>>,
    /// Where it listens for others.
    pub listens: Listens,
    pub retag: Retag,
    crew: Crew,
    network: Network,
    failed: mpsc::Receiver<String>,
}

/// What works on an agent, whatever the way to the servers.
pub(crate) struct Crew {
    grip: Grip,
    /// Of the runs here.
    pub outputs: LiveOutputs,
    /// The way to the worker.
    orders: mpsc::WeakSender<Inbound>,
    /// End with the agent.
    tasks: JoinSet<()>,
    /// Holds the lock of the data directory until everything has ended.
    _data: DataDir,
}

/// What a crew is started with.
pub(crate) struct CrewParts {
    pub name: NodeName,
    pub region: String,
    pub data: DataDir,
    pub durability: Durability,
    pub executors: Registry,
    pub runner: Option<RunnerClient>,
    pub held: Vec<Held>,
    pub wire: Arc<dyn Wire>,
    pub book: Book,
    pub fail: mpsc::Sender<String>,
}

impl Agent {
    /// Waits until the agent can not go on, and says why.
    pub async fn ended(&mut self) -> String {
        self.failed.recv().await.unwrap_or_default()
    }

    /// Lets go of all runs, as `Node::hand_over`.
    pub async fn hand_over(&self) {
        self.crew.hand_over().await;
    }

    /// Waits for what must not go on without it at most for `patience`, then stops. What the
    /// runner keeps goes on, unless the agent leaves for good.
    pub async fn stop(self, farewell: Farewell, patience: Duration) {
        self.crew.stop(farewell, patience).await;
        if farewell == Farewell::Leave {
            self.network.leave().await;
        }
        self.network.close().await;
    }
}

impl Crew {
    pub async fn hand_over(&self) {
        self.grip.hand_over().await;
    }

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

/// Starts an agent. It finds its leader by itself, whenever there is one.
pub async fn start_agent(options: AgentOptions) -> Result<Agent, Error> {
    let data = options.data;
    let mark = Arc::new(Mark::open(data.path()).map_err(Error::Mark)?);
    let (id, role, shard) = (node_number(data.node_id()), Role::Agent, data.shard());
    let (name, directory) = (options.name.as_str(), data.path());
    let changes = mark.changes();
    let who = Who { id, name, role, shard, mark, tags: options.tags, directory };
    let mut network = Network::open(&options.network, who).await?;
    let (fail, failed) = mpsc::channel(4);
    let mut crew = start_crew(CrewParts {
        name: options.name,
        region: options.region,
        data,
        durability: options.durability,
        executors: options.executors,
        runner: options.runner,
        held: options.held,
        wire: network.wire(),
        book: network.book(),
        fail: fail.clone(),
    })?;
    crew.tasks.spawn(follow(changes, crew.orders.clone()));
    let front = Arc::default();
    // It never leads: operators alone are heard.
    let nobody = watch::channel(Leader::None).1;
    let router = forward::register(Router::default(), nobody, Arc::clone(&front));
    network.serve(outputs::register_live(router, crew.outputs.clone()))?;
    network.join(&mut crew.tasks, &fail).await?;
    let (listens, retag) = (network.listens(), network.retag());
    Ok(Agent { front, listens, retag, crew, network, failed })
}

/// Starts what runs jobs here and keeps it connected to whoever leads. Must be called within a
/// runtime.
pub(crate) fn start_crew(parts: CrewParts) -> Result<Crew, Error> {
    let data = parts.data;
    let recalled = recall(&data, parts.durability, &parts.name, &parts.held)?;
    let spool = data.spool_path();
    std::fs::create_dir_all(&spool).map_err(|source| Error::Thread { name: "hands", source })?;
    let (orders, messages) = mpsc::channel(MESSAGES);
    let (grip, gripped) = Grip::new();
    let outlet = Outlet::closed(parts.name);
    let (wire, outputs) = (parts.wire, LiveOutputs::default());
    let hands = Hands::run(hands::Parts {
        recalled,
        messages,
        outlet: outlet.clone(),
        gripped,
        executors: parts.executors,
        runner: parts.runner,
        held: parts.held,
        spool: Arc::from(spool),
        shipper: Arc::new(Remote::new(Arc::clone(&wire), outlet.linked(), None)),
        outputs: outputs.clone(),
        pool: tokio::runtime::Handle::current(),
    });
    thread("hands", &parts.fail, hands)?;
    let guide = Guide::Agent { book: parts.book, region: parts.region };
    let mut tasks = JoinSet::new();
    let shard = data.shard();
    let way = orders.downgrade();
    tasks.spawn(session::run(session::Parts { shard, guide, wire, outlet, hands: orders }));
    Ok(Crew { grip, outputs, orders: way, tasks, _data: data })
}

/// Tells the worker whenever the cluster was recovered: its session with the new leader has raised
/// the generation of the mark.
async fn follow(mut changes: watch::Receiver<Option<Marked>>, orders: mpsc::WeakSender<Inbound>) {
    let mut known = *changes.borrow_and_update();
    while changes.changed().await.is_ok() {
        let now = *changes.borrow_and_update();
        let is_recovered = known.zip(now).is_some_and(|(old, new)| old.generation < new.generation);
        let Some(orders) = orders.upgrade() else { return };
        if is_recovered && orders.send(Inbound::Recovered).await.is_err() {
            return;
        }
        known = now;
    }
}
