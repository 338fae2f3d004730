//! Answers operators: how the servers of the cluster are, by consensus and by what they say of
//! themselves, and changes among them.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::NodeName;
use dkron_raft::{ChangeError, Handle, Server, TransferError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::autopilot::{self, RemoveError};
use super::peers::{PeerStatus, Statuses};
use super::{Book, Leader, Mark};
use crate::reads::Office;
use crate::rpc::BoxFuture;
use crate::service::Error;
use crate::service::operator::{Configuration, Health, Operator, Peer, ServerHealth};

/// What a server last said counts for so long.
const FRESH: Duration = Duration::from_secs(3);

/// A cheap clone.
#[derive(Clone)]
pub struct Servers {
    pub raft: Handle,
    /// This server: id and name.
    pub own: (u64, String),
    /// Of the program.
    pub version: String,
    pub mark: Arc<Mark>,
    pub book: Book,
    pub statuses: watch::Receiver<Statuses>,
    pub office: watch::Receiver<Option<Office>>,
    pub leader: watch::Receiver<Leader>,
}

impl Servers {
    fn now(&self) -> Health {
        let (statuses, leader) = (self.statuses.borrow().clone(), self.leader.borrow().clone());
        let (membership, now) = (self.raft.membership(), Instant::now());
        let view = View { own: self, statuses: &statuses, now };
        let (name, quorum, end) = match &leader {
            Leader::Own { .. } => {
                let name = NodeName::from(self.own.1.as_str());
                (Some(name), self.raft.leads_now(), membership.last_index)
            }
            Leader::Other { name, target } => {
                let said = view.fresh(target.id).map(|one| &one.status);
                let leads = said.is_some_and(|status| status.leads);
                (Some(name.clone()), leads, said.map(|status| status.last_index))
            }
            Leader::None => (None, false, None),
        };
        let mut servers: Vec<ServerHealth> =
            membership.servers.iter().map(|server| view.server(server, end)).collect();
        servers.sort_by(|one, other| one.name.cmp(&other.name));
        let office = self.office.borrow().filter(|_| leader.is_own());
        let marked = self.mark.get();
        Health {
            leader: name,
            tenure: office.map(|office| office.tenure.0),
            quorum,
            cluster: marked.map(|marked| marked.cluster.to_string()),
            generation: marked.map_or(0, |marked| marked.generation),
            servers,
        }
    }

    fn peers(&self) -> Vec<Peer> {
        let leader = self.raft.metrics().leader.map(|peer| peer.id);
        let peer = |server: Server| Peer {
            leader: leader == Some(server.peer.id),
            id: server.peer.id,
            address: self.address(&server.peer),
            name: server.peer.name,
            voter: server.voter,
        };
        let mut peers: Vec<Peer> = self.raft.membership().servers.into_iter().map(peer).collect();
        peers.sort_by(|one, other| one.name.cmp(&other.name));
        peers
    }

    /// Where gossip sees it, else where it was when it became a member.
    fn address(&self, peer: &dkron_raft::Peer) -> String {
        self.book.target(peer.id).map_or_else(|| peer.address.clone(), |target| target.address)
    }

    async fn hand_over(&self, to: Option<String>) -> Result<NodeName, Error> {
        let id = match to {
            None => None,
            Some(key) => {
                let peers = self.peers();
                let named = |peer: &&Peer| peer.name == key || peer.id.to_string() == key;
                let Some(peer) = peers.iter().find(named) else {
                    return Err(Error::PeerNotFound(key));
                };
                if peer.id == self.own.0 && self.raft.leads_now() {
                    return Ok(NodeName::from(self.own.1.as_str()));
                }
                Some(peer.id)
            }
        };
        match self.raft.transfer(id).await {
            Ok(peer) => Ok(NodeName::from(peer.name.as_str())),
            Err(TransferError::NotLeader) => Err(Error::NoLeader),
            Err(TransferError::Stopped) => Err(Error::Stopping),
            Err(err @ (TransferError::Nobody | TransferError::NotTaken { .. })) => {
                Err(Error::Refused(err.to_string()))
            }
        }
    }
}

/// What is known at one moment.
struct View<'a> {
    own: &'a Servers,
    statuses: &'a [PeerStatus],
    now: Instant,
}

impl View<'_> {
    fn said(&self, id: u64) -> Option<&PeerStatus> {
        self.statuses.iter().find(|status| status.status.id == id)
    }

    fn fresh(&self, id: u64) -> Option<&PeerStatus> {
        self.said(id).filter(|status| status.age(self.now) <= FRESH)
    }

    /// `end` is that of the leader's log.
    fn server(&self, server: &Server, end: Option<u64>) -> ServerHealth {
        let known = ServerHealth {
            id: server.peer.id,
            name: server.peer.name.clone(),
            address: self.own.address(&server.peer),
            voter: server.voter,
            ..ServerHealth::default()
        };
        let lag = |own: Option<u64>| end.zip(own).map(|(end, own)| end.saturating_sub(own));
        if server.peer.id == self.own.own.0 {
            let metrics = self.own.raft.metrics();
            return ServerHealth {
                alive: true,
                last_contact: Some(Duration::ZERO),
                applied: metrics.applied_index,
                lag: lag(metrics.last_index),
                clock_offset_ms: Some(0),
                version: self.own.version.clone(),
                ..known
            };
        }
        let Some(said) = self.said(server.peer.id) else {
            // It was not asked yet: gossip has heard of it.
            let alive = self.own.book.get(server.peer.id).is_some_and(|entry| entry.alive);
            return ServerHealth { alive, ..known };
        };
        ServerHealth {
            alive: said.age(self.now) <= FRESH,
            last_contact: Some(said.age(self.now)),
            applied: Some(said.status.applied_index),
            lag: lag(Some(said.status.last_index)),
            clock_offset_ms: Some(said.clock_offset / 1_000_000),
            version: said.status.version.clone(),
            ..known
        }
    }
}

impl Operator for Servers {
    fn health(&self) -> BoxFuture<Result<Health, Error>> {
        let health = self.now();
        Box::pin(std::future::ready(Ok(health)))
    }

    fn configuration(&self) -> BoxFuture<Result<Configuration, Error>> {
        let index = self.raft.metrics().last_index.unwrap_or(0);
        let servers = self.peers();
        Box::pin(std::future::ready(Ok(Configuration { servers, index })))
    }

    fn remove_peer(&self, peer: String) -> BoxFuture<Result<(), Error>> {
        let raft = self.raft.clone();
        Box::pin(async move {
            autopilot::remove_peer(&raft, &peer).await.map_err(|err| match err {
                RemoveError::NotFound(key) => Error::PeerNotFound(key),
                RemoveError::Change(ChangeError::NotLeader { .. }) => Error::NoLeader,
                RemoveError::Change(ChangeError::Stopped) => Error::Stopping,
                RemoveError::Change(ChangeError::Unknown) => Error::Unknown,
                err => Error::Refused(err.to_string()),
            })
        })
    }

    fn transfer(&self, to: Option<String>) -> BoxFuture<Result<NodeName, Error>> {
        let own = self.clone();
        Box::pin(async move { own.hand_over(to).await })
    }
}
