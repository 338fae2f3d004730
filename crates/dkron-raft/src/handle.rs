//! What the rest of the process holds of consensus: a cheap clone that proposes, asks and watches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{InitializeError, RaftError};
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::Member;
use crate::disk::LogDisk;
use crate::error::{self, Error, ReadError, ReceiveError};
use crate::lanes::{Lane, Lanes, Load, Refused};
use crate::leadership::{Epoch, Leadership};
use crate::membership::{self, Change, ChangeError, Membership};
use crate::network::Links;
use crate::office::Office;
use crate::options::Options;
use crate::proposal::{Ask, Outcome, Proposal, Ticket, peer};
use crate::reads::Reader;
use crate::receive;
use crate::retention::Retention;
use crate::start::Raft;
use crate::state::Parcel;
use crate::transfer::{Parting, TransferError};
use crate::transport::{MessageKind, Peer};

/// The library's word for what a server is; `Leader` here says nothing of a quorum: see
/// [`Leadership`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Learner,
    Follower,
    Candidate,
    Leader,
    Stopped,
}

/// Figures for metrics and diagnosis; nothing is decided on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    pub role: Role,
    pub leader: Option<Peer>,
    pub voters: Vec<Peer>,
    pub last_index: Option<u64>,
    pub committed_index: Option<u64>,
    pub applied_index: Option<u64>,
    pub purged_index: Option<u64>,
    pub log_bytes: u64,
    pub api: Load,
    pub conductor: Load,
}

pub(crate) struct Parts {
    pub options: Options,
    pub log: Arc<dyn LogDisk>,
    pub office: Office,
    pub links: Links,
    pub retention: Retention,
    pub lanes: Arc<Lanes>,
    pub ask: mpsc::Sender<Ask>,
    pub reader: mpsc::Sender<Reader>,
    pub seen: watch::Receiver<Leadership>,
    pub has_ended: watch::Receiver<bool>,
}

#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    parts: Parts,
    /// Dropped with the last handle, which stops the thread.
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl Handle {
    pub(crate) fn new(parts: Parts, stop: oneshot::Sender<()>) -> Self {
        Self { shared: Arc::new(Shared { parts, stop: Mutex::new(Some(stop)) }) }
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.parts().office.raft
    }

    fn parts(&self) -> &Parts {
        &self.shared.parts
    }

    /// Proposes without waiting, from any thread. Unless refused, `done` is called exactly once,
    /// mostly on the consensus thread, perhaps before this returns, and must not block.
    pub fn try_propose_with(
        &self,
        lane: Lane,
        bytes: Bytes,
        done: impl FnOnce(Outcome) + Send + 'static,
    ) -> Result<(), Refused> {
        let parts = self.parts();
        if parts.office.resigned.holds(self.raft()) {
            // What was taken before is waited for; this must not lengthen the hand-over.
            done(Outcome::NotLeader { hint: None });
            return Ok(());
        }
        let slot = parts.lanes.take(lane, bytes.len())?;
        // A place in the channel belongs to each slot; only its end can refuse us.
        let permit = parts.ask.try_reserve().map_err(|err| match err {
            mpsc::error::TrySendError::Full(()) => Refused::Busy,
            mpsc::error::TrySendError::Closed(()) => Refused::Stopped,
        })?;
        permit.send(Ask { bytes, ticket: Ticket::new(slot, Box::new(done)) });
        Ok(())
    }

    pub fn try_propose(&self, lane: Lane, bytes: Bytes) -> Result<Proposal, Refused> {
        let (answer, answered) = oneshot::channel();
        self.try_propose_with(lane, bytes, move |outcome| {
            // Who dropped the proposal does not want to know.
            let _ = answer.send(outcome);
        })?;
        Ok(Proposal(answered))
    }

    /// Proposes and waits for the outcome, `Unknown` after `propose_patience`. Cancelling the
    /// future does not take the proposal back. Needs a tokio context.
    pub async fn propose(&self, lane: Lane, bytes: Bytes) -> Result<Outcome, Refused> {
        let proposal = self.try_propose(lane, bytes)?;
        let patience = self.parts().options.propose_patience;
        let outcome = tokio::time::timeout(patience, proposal).await;
        Ok(outcome.unwrap_or(Outcome::Unknown))
    }

    /// The present leadership and all changes to come.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.parts().seen.clone()
    }

    /// Whether a leadership still stands at this very instant. The watch learns of its end a moment
    /// later: a process that was stopped and goes on must ask here before it acts.
    #[must_use]
    pub fn leads(&self, epoch: Epoch) -> bool {
        epoch.is_of(self.parts().office.standing().leads)
    }

    /// Whether this server leads at this very instant.
    #[must_use]
    pub fn leads_now(&self) -> bool {
        self.parts().office.standing().leads.is_some()
    }

    /// The index that a linearizable read must have seen applied. Answered by the leader alone.
    pub async fn read_index(&self) -> Result<u64, ReadError> {
        let (answer, answered) = oneshot::channel();
        self.parts().reader.try_send(answer).map_err(|err| match err {
            mpsc::error::TrySendError::Full(_) => ReadError::Busy,
            mpsc::error::TrySendError::Closed(_) => ReadError::Stopped,
        })?;
        answered.await.unwrap_or(Err(ReadError::Stopped))
    }

    /// Makes this pristine server a cluster of one. Returns false, and changes nothing, if it has
    /// been initialised before.
    pub async fn initialize_single(&self, name: &str, address: &str) -> Result<bool, Error> {
        let id = self.parts().options.node_id;
        self.initialize(&[Peer { id, name: name.into(), address: address.into() }]).await
    }

    /// The same for a first membership of several; one of them calls it.
    pub async fn initialize(&self, members: &[Peer]) -> Result<bool, Error> {
        let member = |peer: &Peer| {
            (peer.id, Member { name: peer.name.clone(), address: peer.address.clone() })
        };
        let nodes: BTreeMap<u64, Member> = members.iter().map(member).collect();
        match self.raft().initialize(nodes).await {
            Ok(()) => Ok(true),
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(false),
            Err(RaftError::APIError(err)) => Err(Error::Initialize { source: Box::new(err) }),
            Err(RaftError::Fatal(_)) => Err(Error::Stopped),
        }
    }

    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let parts = self.parts();
        let raft = self.raft().metrics().borrow_watched().clone();
        let membership = raft.membership_config.membership();
        let named = |id: u64| membership.get_node(&id).map(|node| peer(id, node));
        Metrics {
            role: match raft.state {
                _ if raft.running_state.is_err() => Role::Stopped,
                ServerState::Learner => Role::Learner,
                ServerState::Follower => Role::Follower,
                ServerState::Candidate => Role::Candidate,
                ServerState::Leader => Role::Leader,
                ServerState::Shutdown => Role::Stopped,
            },
            leader: raft.current_leader.and_then(named),
            voters: membership.voter_ids().filter_map(named).collect(),
            last_index: raft.last_log_index,
            committed_index: raft.local_committed.map(|id| id.index),
            applied_index: raft.last_applied.map(|id| id.index),
            purged_index: raft.purged.map(|id| id.index),
            log_bytes: parts.log.bytes_on_disk(),
            api: parts.lanes.load(Lane::Api),
            conductor: parts.lanes.load(Lane::Conductor),
        }
    }

    /// Why this replica stopped by itself, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let state = self.raft().metrics().borrow_watched().running_state.clone();
        state.err().map(|err| error::chain(&err))
    }

    /// Syncs the state and purges what the policy lets go, at once instead of with the next round.
    /// Returns up to which index the log was purged now.
    pub async fn snapshot_and_purge(&self) -> Result<Option<u64>, Error> {
        self.parts().retention.round().await
    }

    /// Who belongs to the group, and, on the leader, how far each one is.
    #[must_use]
    pub fn membership(&self) -> Membership {
        membership::view(self.raft())
    }

    /// Changes the group; answers once the change is committed. Only a leader can. Needs a tokio
    /// context, for its patience.
    pub async fn change(&self, change: Change) -> Result<(), ChangeError> {
        self.change_from(None, change).await
    }

    /// The same for a change that was decided upon what was seen: refused if that is not so any
    /// more.
    pub async fn change_if(&self, seen: &Membership, change: Change) -> Result<(), ChangeError> {
        self.change_from(seen.index, change).await
    }

    async fn change_from(&self, seen: Option<u64>, change: Change) -> Result<(), ChangeError> {
        let patience = self.parts().options.propose_patience;
        let changed = membership::change(self.raft(), change, seen);
        tokio::time::timeout(patience, changed).await.unwrap_or(Err(ChangeError::Unknown))
    }

    /// Hands leadership to the wished voter, or to the one that lacks least. From the first moment
    /// on this server does not count as leader, and answers proposals with `NotLeader`; those under
    /// way are waited for. Needs a tokio context.
    pub async fn transfer(&self, to: Option<u64>) -> Result<Peer, TransferError> {
        let parts = self.parts();
        let patience = parts.options.takeover_patience();
        Parting { office: &parts.office, lanes: &parts.lanes, patience }.run(to).await
    }

    /// Servers that consensus could not reach when it last tried, with the reason.
    #[must_use]
    pub fn broken_links(&self) -> Vec<(u64, String)> {
        let mut broken = self.parts().links.broken();
        let members = self.membership();
        broken.retain(|(id, _)| members.get(*id).is_some());
        broken
    }

    /// A message of another server; the answer goes back to it.
    pub async fn receive(&self, kind: MessageKind, bytes: &[u8]) -> Result<Bytes, ReceiveError> {
        receive::message(self.raft(), kind, bytes).await
    }

    /// A snapshot of another server, fully received; the answer goes back to it.
    pub async fn install(&self, message: &[u8], rows: Parcel) -> Result<Bytes, ReceiveError> {
        receive::snapshot(self.raft(), message, rows).await
    }

    /// Stops consensus and waits until its thread has let go of log and state.
    pub async fn shutdown(&self) {
        let stop = self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(stop) = stop {
            // The thread has ended by itself if nobody receives.
            let _ = stop.send(());
        }
        let mut ended = self.parts().has_ended.clone();
        // An error means that the thread is gone, which is what we wait for.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}
