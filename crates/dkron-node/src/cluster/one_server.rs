//! Answers operators of a server that is the whole cluster.

use std::time::Duration;

use dkron_core::domain::NodeName;
use dkron_raft::{Handle, Leadership};

use crate::rpc::BoxFuture;
use crate::service::operator::{Configuration, Health, Operator, Peer, ServerHealth};
use crate::service::{Error, Member};

/// One server and its own node.
pub struct OneServer {
    pub raft: Handle,
    pub own: Member,
}

impl OneServer {
    fn leads(&self) -> bool {
        matches!(*self.raft.leadership().borrow(), Leadership::Leader { .. })
    }

    fn version(&self) -> String {
        self.own.tags.get("version").cloned().unwrap_or_default()
    }

    fn peers(&self) -> Vec<Peer> {
        let metrics = self.raft.metrics();
        let leader = metrics.leader.map(|peer| peer.id);
        let peer = |peer: dkron_raft::Peer| Peer {
            leader: leader == Some(peer.id),
            id: peer.id,
            name: peer.name,
            address: peer.address,
            voter: true,
        };
        let mut peers: Vec<Peer> = metrics.voters.into_iter().map(peer).collect();
        peers.sort_by(|one, other| one.name.cmp(&other.name));
        peers
    }

    fn named(&self, text: &str) -> bool {
        self.peers().iter().any(|peer| peer.name == text || peer.id.to_string() == text)
    }
}

fn ready<T: Send + 'static>(result: Result<T, Error>) -> BoxFuture<Result<T, Error>> {
    Box::pin(std::future::ready(result))
}

impl Operator for OneServer {
    fn health(&self) -> BoxFuture<Result<Health, Error>> {
        let (leads, metrics) = (self.leads(), self.raft.metrics());
        let server = |peer: Peer| ServerHealth {
            id: peer.id,
            name: peer.name,
            address: peer.address,
            voter: true,
            alive: true,
            last_contact: Some(Duration::ZERO),
            applied: metrics.applied_index,
            lag: metrics.last_index.zip(metrics.applied_index).map(|(all, own)| all - own.min(all)),
            clock_offset_ms: Some(0),
            version: self.version(),
        };
        ready(Ok(Health {
            leader: leads.then(|| self.own.name.clone()),
            quorum: leads,
            servers: self.peers().into_iter().map(server).collect(),
            ..Health::default()
        }))
    }

    fn configuration(&self) -> BoxFuture<Result<Configuration, Error>> {
        let index = self.raft.metrics().last_index.unwrap_or(0);
        ready(Ok(Configuration { servers: self.peers(), index }))
    }

    fn remove_peer(&self, peer: String) -> BoxFuture<Result<(), Error>> {
        ready(Err(match self.named(&peer) {
            true => Error::Refused(format!("{peer} is the last voter, nobody would be left")),
            false => Error::PeerNotFound(peer),
        }))
    }

    fn transfer(&self, to: Option<String>) -> BoxFuture<Result<NodeName, Error>> {
        ready(match to {
            Some(name) if !self.named(&name) => Err(Error::PeerNotFound(name)),
            Some(_) => Ok(self.own.name.clone()),
            None => Err(Error::Refused("there is no other server to lead".into())),
        })
    }
}
