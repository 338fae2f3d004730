//! One server among servers: what it answers to them, and what it does beside scheduling so that
//! the cluster begins, grows and heals.

pub(crate) mod feed;

use std::sync::{Arc, OnceLock};

use dkron_raft::{Handle, Peer};
use dkron_store::state::State;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::cluster::peers::{self, Statuses};
use crate::cluster::{Book, Leader, Mark, Servers, autopilot, bootstrap, depart};
use crate::consensus::{self, Stored};
use crate::event::Event;
use crate::forward::{self, Front};
use crate::outputs::{self, LiveOutputs, Store};
use crate::reads::{self, Seen};
use crate::rpc::grpc::protocol;
use crate::rpc::{Router, Wire};
use crate::session::{self, Guide, Inbound, Outlet, ServeParts, Sessions};

/// What a server is among the others.
pub struct Company {
    /// Its id, name, and where others reach it.
    pub own: Peer,
    pub region: String,
    pub shard: u32,
    /// Of the program.
    pub version: String,
    /// Servers to wait for; 0 = it waits to be taken in.
    pub expect: u16,
    pub mark: Arc<Mark>,
    pub pledge: Arc<bootstrap::Pledge>,
    pub raft: Handle,
    pub wire: Arc<dyn Wire>,
    pub book: Book,
    pub state: Arc<State>,
    pub outputs: Store,
    /// Of this server's own runs.
    pub live: LiveOutputs,
    pub sessions: Sessions,
    pub leader: watch::Receiver<Leader>,
    pub events: mpsc::UnboundedSender<Event>,
    pub seen: Seen,
    pub front: Arc<OnceLock<Front>>,
}

impl Company {
    /// What it answers to other nodes.
    pub fn router(&self) -> Router {
        let raft = self.raft.clone();
        let rows = Arc::new(Stored(Arc::clone(&self.state)));
        let router = consensus::register(Router::default(), move || Some(raft.clone()), rows);
        let router = bootstrap::register(router, self.beginning());
        let router = peers::register(router, self.as_peer());
        let router = depart::register(router, self.raft.clone());
        let router = reads::register(router, self.seen.clone());
        let router = forward::register(router, self.leader.clone(), Arc::clone(&self.front));
        let router = outputs::register(router, &self.outputs);
        let router = outputs::register_live(router, self.live.clone());
        let (shard, leader, events) = (self.shard, self.leader.clone(), self.events.clone());
        self.sessions.register(router, ServeParts { shard, leader, events })
    }

    /// Starts what keeps the cluster up; it ends with `tasks`. `outlet` and `hands` are both ends
    /// of this server's own worker. What comes back answers operators.
    pub fn start(
        &self,
        tasks: &mut JoinSet<()>,
        fail: &mpsc::Sender<String>,
        (outlet, hands): (Outlet, mpsc::Sender<Inbound>),
    ) -> Servers {
        let (statuses, seen) = watch::channel(Statuses::default());
        let (beginning, fail) = (self.beginning(), fail.clone());
        tasks.spawn(async move {
            if let Err(err) = bootstrap::run(beginning).await {
                // At an orderly stop nobody listens any more.
                let _ = fail.try_send(format!("the cluster can not begin here: {err}"));
            }
        });
        tasks.spawn(peers::run(peers::Parts {
            wire: Arc::clone(&self.wire),
            book: self.book.clone(),
            own: self.own.id,
            region: self.region.clone(),
            statuses,
        }));
        tasks.spawn(autopilot::run(autopilot::Parts {
            raft: self.raft.clone(),
            book: self.book.clone(),
            statuses: seen.clone(),
            own: self.own.id,
            region: self.region.clone(),
            expect: self.expect,
        }));
        tasks.spawn(feed::run(feed::Parts {
            raft: self.raft.clone(),
            book: self.book.clone(),
            statuses: seen.clone(),
            own: self.own.id,
            office: self.seen.told.office.clone(),
            mark: Arc::clone(&self.mark),
            events: self.events.clone(),
        }));
        let guide = Guide::Server { leader: self.leader.clone(), events: self.events.clone() };
        let (shard, wire) = (self.shard, Arc::clone(&self.wire));
        tasks.spawn(session::run(session::Parts { shard, guide, wire, outlet, hands }));
        Servers {
            raft: self.raft.clone(),
            own: (self.own.id, self.own.name.clone()),
            version: self.version.clone(),
            mark: Arc::clone(&self.mark),
            book: self.book.clone(),
            statuses: seen,
            office: self.seen.told.office.clone(),
            leader: self.leader.clone(),
        }
    }

    fn beginning(&self) -> bootstrap::Parts {
        bootstrap::Parts {
            raft: self.raft.clone(),
            wire: Arc::clone(&self.wire),
            book: self.book.clone(),
            mark: Arc::clone(&self.mark),
            pledge: Arc::clone(&self.pledge),
            own: self.own.clone(),
            region: self.region.clone(),
            expect: self.expect,
        }
    }

    fn as_peer(&self) -> peers::Own {
        peers::Own {
            id: self.own.id,
            name: self.own.name.clone(),
            version: self.version.clone(),
            protocol_max: protocol().1,
            mark: Arc::clone(&self.mark),
            raft: Some(self.raft.clone()),
        }
    }
}
