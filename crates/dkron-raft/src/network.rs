//! The library's network over our `Transport`: each call becomes one message and one answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use tokio::time::Instant;

use crate::codec::{self, CodecError, Marker};
use crate::config::{Member, Types, Vote};
use crate::proposal::peer;
use crate::quiet::Quiet;
use crate::state::Parcel;
use crate::transport::{MessageKind, Peer, Transport, TransportError};
use crate::wire;

type Failure = RPCError<Types>;
type Snapshot = openraft::alias::SnapshotOf<Types, Parcel>;

pub(crate) struct Network {
    pub transport: Arc<dyn Transport>,
    pub links: Links,
    pub quiet: Quiet,
}

/// Servers that could not be reached when they were last sent something, with the reason.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<BTreeMap<u64, String>>>);

impl Links {
    pub(crate) fn broken(&self) -> Vec<(u64, String)> {
        let broken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        broken.iter().map(|(id, reason)| (*id, reason.clone())).collect()
    }

    /// Says it once when a link breaks and once when it is whole again.
    fn note(&self, to: &Peer, failure: Option<&TransportError>) {
        let mut broken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = match failure {
            Some(err) => broken.insert(to.id, err.to_string()).is_none(),
            None => broken.remove(&to.id).is_some(),
        };
        match failure.filter(|_| is_new) {
            Some(reason) => tracing::warn!(server = %to.name, %reason, "consensus is cut off"),
            None if is_new => tracing::info!(server = %to.name, "consensus is connected again"),
            None => {}
        }
    }
}

/// The way to one server, for one purpose.
pub(crate) struct Line {
    transport: Arc<dyn Transport>,
    links: Links,
    quiet: Quiet,
    since: Instant,
    to: Peer,
    append_kind: MessageKind,
}

impl Network {
    fn line(&self, id: u64, member: &Member, append_kind: MessageKind) -> Line {
        Line {
            transport: Arc::clone(&self.transport),
            links: self.links.clone(),
            quiet: self.quiet.clone(),
            since: Instant::now(),
            to: peer(id, member),
            append_kind,
        }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Line;

    async fn new_client(&mut self, target: u64, node: &Member) -> Line {
        self.line(target, node, MessageKind::Append)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &Member) -> Line {
        self.line(target, node, MessageKind::Heartbeat)
    }
}

impl Line {
    async fn ask(
        &self,
        kind: MessageKind,
        message: Bytes,
        patience: Duration,
    ) -> Result<Bytes, Failure> {
        let answer = self.transport.send(&self.to, kind, message, patience).await;
        self.links.note(&self.to, answer.as_ref().err());
        answer.map_err(failure)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no majority answers: it is left alone for a while, so that it can elect another leader")]
struct NoQuorum;

fn failure(err: TransportError) -> Failure {
    match &err {
        TransportError::Unreachable { .. } => RPCError::Unreachable(Unreachable::new(&err)),
        TransportError::Broken { .. } => RPCError::Network(NetworkError::new(&err)),
    }
}

/// An answer that cannot be read is no answer; a pause keeps two versions from a busy loop.
fn unreadable(err: CodecError) -> Failure {
    RPCError::Unreachable(Unreachable::new(&err))
}

impl RaftNetworkV2<Types> for Line {
    type SnapshotData = Parcel;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, Failure> {
        if self.append_kind == MessageKind::Append && self.quiet.holds(self.since) {
            return Err(RPCError::Unreachable(Unreachable::new(&NoQuorum)));
        }
        let answer = self.ask(self.append_kind, wire::append(&rpc), option.soft_ttl()).await?;
        wire::read_appended(&answer).map_err(unreadable)
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        let answer = self.ask(MessageKind::Vote, wire::vote(&rpc), option.soft_ttl()).await?;
        wire::read_voted(&answer).map_err(unreadable)
    }

    // The library's default grants without asking.
    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        let answer = self.ask(MessageKind::PreVote, wire::vote(&rpc), option.soft_ttl()).await?;
        wire::read_voted(&answer).map_err(unreadable)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let meta = snapshot.meta;
        let marker =
            codec::marker(&Marker { applied: meta.last_log_id, membership: meta.last_membership });
        let message = wire::snapshot(vote, marker);
        let patience = option.soft_ttl();
        let sent = self.transport.send_snapshot(&self.to, message, snapshot.snapshot, patience);
        let answer = tokio::select! {
            biased;
            closed = cancel => return Err(StreamingError::Closed(closed)),
            answer = sent => answer.map_err(failure)?,
        };
        let vote = wire::read_installed(&answer).map_err(unreadable)?;
        Ok(SnapshotResponse::new(vote))
    }

    // The library's default never arrives.
    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, Failure> {
        let message = wire::transfer(&req);
        let answer = self.ask(MessageKind::Transfer, message, option.soft_ttl()).await?;
        if wire::read_accepted(&answer).map_err(unreadable)? {
            return Ok(Ok(()));
        }
        // The receiver's reasons stay with it; for the sender there is one: not now.
        let last = req.last_log_id().copied();
        Ok(Err(TransferLeaderError::LogNotFlushed { expected: last, actual: None }))
    }
}
