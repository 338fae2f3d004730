//! Puts a node together: opens what is stored, starts the threads, lets consensus run.

pub(crate) mod start;
mod stored;
mod wires;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dkron_core::domain::limits;
use dkron_raft::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cluster::depart;
use crate::event::Event;
use crate::forward::{Forward, Front};
use crate::hands::{Farewell, Grip};
use crate::network::{Listens, Network, Retag};
use crate::service::Service;
use crate::telemetry;

pub use start::start;

/// Messages to the node on their way; more begin its session anew.
pub(crate) const MESSAGES: usize = 4 * limits::NODE_RUNS as usize;

/// A running node.
pub struct Node {
    pub service: Service,
    /// What serves requests that other servers or operators send; the front door sets it.
    pub front: Arc<OnceLock<Front>>,
    /// The way to the leader for the requests of this server's clients.
    pub forward: Arc<dyn Forward>,
    /// Where it listens for others.
    pub listens: Listens,
    pub retag: Retag,
    /// Becomes true when somebody asked the node to leave.
    leave: mpsc::UnboundedReceiver<()>,
    /// Ends with the reason when the node can not go on.
    failed: mpsc::Receiver<String>,
    events: mpsc::UnboundedSender<Event>,
    /// This server, as others call it.
    id: u64,
    raft: Handle,
    grip: Grip,
    network: Network,
    /// End with the node.
    tasks: JoinSet<()>,
    /// Consensus, for those who must not hold it.
    _known_raft: Arc<OnceLock<Handle>>,
    /// Holds the lock of the data directory until everything has ended.
    data: dkron_store::data_dir::DataDir,
}

/// Why a node's time is over.
#[derive(Debug)]
pub enum End {
    /// Somebody asked it to leave.
    Left,
    Failed(String),
}

impl Node {
    /// Waits until the node must end.
    pub async fn ended(&mut self) -> End {
        tokio::select! {
            Some(()) = self.leave.recv() => End::Left,
            reason = self.failed.recv() => {
                // What consensus says is the cause; threads that end follow from it.
                let cause = self.raft.failure();
                End::Failed(cause.or(reason).unwrap_or_default())
            }
        }
    }

    /// Lets go of all runs: what becomes of them is told by the agent that takes them over. Before
    /// this, parting from the runner looks like its death.
    pub async fn hand_over(&self) {
        self.grip.hand_over().await;
    }

    /// Begins nothing new and lets another server lead, waits for what must not go on without it
    /// at most for `patience`, then stops. What the runner keeps goes on, unless the node leaves
    /// for good.
    pub async fn stop(mut self, farewell: Farewell, patience: Duration) {
        telemetry::left();
        // A thread that is gone needs no word.
        let _ = self.events.send(Event::Stop);
        self.hand_on_leadership().await;
        if !self.grip.part(farewell, patience).await {
            tracing::warn!("stopping while executions run: they will be recorded as lost");
        }
        if farewell == Farewell::Leave {
            self.network.leave().await;
            self.depart().await;
        }
        self.tasks.shutdown().await;
        if farewell == Farewell::HandOver {
            self.hand_over().await;
        }
        self.network.close().await;
        self.raft.shutdown().await;
        if let Ok(state) = self.data.state() {
            let synced = tokio::task::spawn_blocking(move || state.sync()).await;
            if !matches!(synced, Ok(Ok(_))) {
                tracing::warn!("state was not synced; the log has everything");
            }
        }
    }

    async fn depart(&self) {
        let (raft, wire, book) = (self.raft.clone(), self.network.wire(), self.network.book());
        let parts = depart::Parts { raft, wire, book, own: self.id };
        if let Err(err) = depart::run(&parts).await {
            tracing::warn!(%err, "this server is still a member: `dkron raft remove-peer`");
        }
    }

    /// At once and not after the runs here have ended: slots go on falling due.
    async fn hand_on_leadership(&self) {
        let has_others = self.raft.membership().voters().count() > 1;
        if !has_others || !self.raft.leads_now() {
            return;
        }
        match self.raft.transfer(None).await {
            Ok(next) => tracing::info!(server = next.name, "that server leads from now on"),
            Err(err) => tracing::warn!(%err, "the leadership was not handed over"),
        }
    }
}

/// Nodes call each other by numbers; the data directory has more bytes.
pub(crate) fn node_number(node_id: [u8; 16]) -> u64 {
    let mut half = [0; 8];
    half.copy_from_slice(&node_id[..8]);
    u64::from_be_bytes(half).max(1)
}
