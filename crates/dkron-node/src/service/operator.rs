//! What an operator asks of a cluster and orders: its health, its servers, its nodes. The façade
//! passes it to an [`Operator`], which knows consensus and members; nothing here decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use dkron_core::domain::Drain;
use dkron_core::domain::NodeName;
pub use dkron_core::ledger::SetEligibility;

use super::{Error, Member, Query, Request, Service};
use crate::rpc::BoxFuture;

/// Carries out what the front door's routes for operators say. Answers are what this server knows;
/// what only the leader knows is left open elsewhere.
pub trait Operator: Send + Sync {
    fn health(&self) -> BoxFuture<Result<Health, Error>>;

    /// The servers of the consensus group, by name.
    fn configuration(&self) -> BoxFuture<Result<Configuration, Error>>;

    /// Takes a server out, by name or id; on the leader.
    /// `PeerNotFound` for an unknown one, `Refused` for the last voter.
    fn remove_peer(&self, peer: String) -> BoxFuture<Result<(), Error>>;

    /// Hands the leadership to a server, by name or id, or to the one that is furthest; on the
    /// leader. The answer names the new leader.
    fn transfer(&self, to: Option<String>) -> BoxFuture<Result<NodeName, Error>>;
}

/// How the cluster is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Nobody, or nobody knows.
    pub leader: Option<NodeName>,
    /// Number of its leadership.
    pub tenure: Option<u64>,
    /// Whether the leader has heard a majority within its lease.
    pub quorum: bool,
    /// 32 hex digits; none before the cluster has begun.
    pub cluster: Option<String>,
    /// How often it was recovered.
    pub generation: u64,
    /// By name.
    pub servers: Vec<ServerHealth>,
}

/// One server, as far as the answering one knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerHealth {
    pub id: u64,
    pub name: String,
    /// `host:port` of its RPC listener.
    pub address: String,
    pub voter: bool,
    pub alive: bool,
    /// How long ago it answered last; zero for the answering one.
    pub last_contact: Option<Duration>,
    /// Last entry that it has applied.
    pub applied: Option<u64>,
    /// Entries that it has not, of those that the leader has.
    pub lag: Option<u64>,
    /// Its wall clock less this one's, milliseconds.
    pub clock_offset_ms: Option<i64>,
    pub version: String,
}

impl Health {
    /// A leader decides and writes are taken.
    pub fn is_healthy(&self) -> bool {
        self.leader.is_some() && self.quorum
    }

    pub fn voters(&self) -> usize {
        self.servers.iter().filter(|server| server.voter).count()
    }

    pub fn voters_alive(&self) -> usize {
        self.servers.iter().filter(|server| server.voter && server.alive).count()
    }

    /// Voters that may be lost before nobody leads; `None` = nobody leads now.
    pub fn spare(&self) -> Option<usize> {
        let majority = self.voters() / 2 + 1;
        self.is_healthy().then(|| self.voters_alive().saturating_sub(majority))
    }

    /// What the loss of one more server would mean, for a person.
    pub fn one_more(&self) -> String {
        let (alive, all) = (self.voters_alive(), self.voters());
        match self.spare() {
            None => format!(
                "nobody leads now ({alive} of {all} voters alive): nothing is scheduled and no \
                 write is taken until a majority is back"
            ),
            Some(0) if all == 1 => "this is the only server: nothing would be scheduled, and all \
                 jobs and their history stand on its disk alone"
                .to_owned(),
            Some(0) => format!(
                "nobody could lead: nothing would be scheduled and no write taken until it is \
                 back ({alive} of {all} voters alive); what was acknowledged stays on the others"
            ),
            Some(1) => "nothing; the loss after it would stop the cluster".to_owned(),
            Some(spare) => format!("nothing; {spare} may be lost"),
        }
    }
}

/// The consensus group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    pub servers: Vec<Peer>,
    /// Last entry of the answering server's log.
    pub index: u64,
}

/// A server of the consensus group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    pub id: u64,
    pub name: String,
    /// `host:port` of its RPC listener.
    pub address: String,
    pub leader: bool,
    pub voter: bool,
}

/// A node that runs jobs, or might.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    pub name: NodeName,
    pub address: String,
    pub version: String,
    pub server: bool,
    /// As gossip says: 1 alive, 2 leaving, 3 left, 4 failed; 0 never seen.
    pub status: u8,
    /// Somebody took it out of service: it is given no runs.
    pub drain: Option<Drain>,
}

impl NodeView {
    fn new(member: Member) -> NodeView {
        NodeView {
            name: member.name,
            address: format!("{}:{}", member.addr, member.port),
            version: member.tags.get("version").cloned().unwrap_or_default(),
            server: member.tags.get("server").is_some_and(|is| is == "true"),
            status: member.status,
            drain: None,
        }
    }

    fn unseen(name: NodeName) -> NodeView {
        let (address, version) = (String::new(), String::new());
        NodeView { name, address, version, server: false, status: 0, drain: None }
    }
}

impl Service {
    /// The same service with somebody who answers operators.
    #[must_use]
    pub fn with_operator(self, operator: Arc<dyn Operator>) -> Service {
        Service { operator: Some(operator), ..self }
    }

    fn operator(&self) -> Result<&dyn Operator, Error> {
        self.operator.as_deref().ok_or(Error::Stopping)
    }

    /// How the cluster is.
    pub async fn health(&self) -> Result<Health, Error> {
        self.operator()?.health().await
    }

    /// The servers of the consensus group.
    pub async fn configuration(&self) -> Result<Configuration, Error> {
        self.operator()?.configuration().await
    }

    /// Takes a server out of the consensus group, by name or id.
    pub async fn remove_peer(&self, peer: String) -> Result<(), Error> {
        self.operator()?.remove_peer(peer).await
    }

    /// Hands the leadership over; the answer names who has it then.
    pub async fn transfer(&self, to: Option<String>) -> Result<NodeName, Error> {
        self.operator()?.transfer(to).await
    }

    /// All nodes, agents and drained ones that nobody has seen among them, by name.
    pub async fn nodes(&self) -> Result<Vec<NodeView>, Error> {
        let (members, drains) =
            tokio::try_join!(self.members(), self.query(|reply| Query::Drains { reply }))?;
        let seen = members.into_iter().map(|member| (member.name.clone(), NodeView::new(member)));
        let mut nodes: BTreeMap<NodeName, NodeView> = seen.collect();
        for drain in drains {
            let name = drain.node.clone();
            let node = nodes.entry(name.clone()).or_insert_with(|| NodeView::unseen(name));
            node.drain = Some(drain);
        }
        Ok(nodes.into_values().collect())
    }

    /// Takes a node out of service, or back; nobody need know it, it may come.
    pub async fn set_eligibility(&self, wanted: SetEligibility) -> Result<(), Error> {
        self.ask(|reply| Request::SetEligibility { wanted: Box::new(wanted), reply }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(leads: bool, alive: &[bool]) -> Health {
        let server =
            |alive: &bool| ServerHealth { voter: true, alive: *alive, ..ServerHealth::default() };
        let servers = alive.iter().map(server).collect();
        let leader = leads.then(|| NodeName::from("n1"));
        Health { leader, quorum: leads, servers, ..Health::default() }
    }

    #[test]
    fn what_one_more_loss_means() {
        for (leads, alive, spare, said) in [
            (true, &[true][..], Some(0), "this is the only server"),
            (true, &[true; 3], Some(1), "nothing; the loss after it"),
            (true, &[true, true, false], Some(0), "nobody could lead"),
            (true, &[true; 5], Some(2), "nothing; 2 may be lost"),
            (true, &[true; 2], Some(0), "nobody could lead"),
            (false, &[true, false, false], None, "nobody leads now (1 of 3 voters alive)"),
        ] {
            let health = health(leads, alive);
            assert_eq!(health.spare(), spare, "{alive:?}");
            assert!(health.one_more().starts_with(said), "{}", health.one_more());
        }
        let learner = ServerHealth { alive: true, ..ServerHealth::default() };
        let mut health = health(true, &[true; 3]);
        health.servers.push(learner);
        assert_eq!((health.voters(), health.voters_alive()), (3, 3));
    }
}
