//! The ways between this node and the others: gossip, the RPC port, and the dialling side.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dkron_gossip::discover::{self, Entry};
use dkron_gossip::{Gossip, retry_join};
pub use dkron_gossip::{Key, Profile};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::cluster::{Book, CLUSTER_TAG, Mark, Marked};
use crate::error::Error;
use crate::rpc::grpc::{Client, Identity, IoThread, Listener, derive_key, protocol};
use crate::rpc::{Role, Router, Wire};

/// How long a listener may take to end.
const CLOSING: Duration = Duration::from_secs(2);

/// Where this node listens, and whom it looks for. A port 0 takes a free one; in an address for
/// others it stands for the port that was taken.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Of the gossip.
    pub bind: SocketAddr,
    /// Where others reach the gossip.
    pub advertise: SocketAddr,
    pub rpc_bind: SocketAddr,
    /// Where others reach the RPC port; its host is that of `advertise`.
    pub rpc_advertise: SocketAddr,
    pub key: Option<Key>,
    pub profile: Profile,
    /// Tried once, with success.
    pub join: Vec<String>,
    /// Tried until one answers.
    pub retry_join: Vec<String>,
    /// Tries after the first; `None` = no end.
    pub retry_max: Option<u32>,
    pub retry_interval: Duration,
    /// A failed member is forgotten after this time.
    pub reconnect_timeout: Duration,
}

/// Who this node is to the others.
pub struct Who<'a> {
    pub id: u64,
    pub name: &'a str,
    pub role: Role,
    pub shard: u32,
    pub mark: Arc<Mark>,
    pub tags: BTreeMap<String, String>,
    /// Its data directory; keeps the members of last time.
    pub directory: &'a Path,
}

/// Sockets of both kinds, bound.
pub struct Network {
    gossip: Gossip,
    retag: Retag,
    thread: IoThread,
    identity: Arc<Identity>,
    wire: Arc<dyn Wire>,
    rpc: Ports,
    listener: Option<Listener>,
    serving: Option<JoinHandle<()>>,
    shutdown: CancellationToken,
    seeking: Seeking,
}

/// Where the RPC port is.
#[derive(Clone, Copy)]
struct Ports {
    bound: SocketAddr,
    advertised: SocketAddr,
}

/// Whom to look for.
struct Seeking {
    once: Vec<Entry>,
    entries: Vec<Entry>,
    interval: Duration,
    max: Option<u32>,
}

/// Where a node listens for others, as it was bound.
#[derive(Clone, Copy, Debug)]
pub struct Listens {
    pub gossip: SocketAddr,
    pub rpc: SocketAddr,
}

/// Publishes other tags; those that say where the RPC port is and which cluster this is stay.
#[derive(Clone)]
pub struct Retag {
    gossip: Gossip,
    rpc: SocketAddr,
    mark: Arc<Mark>,
    /// What was published last.
    tags: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Network {
    /// Binds both and is a member of a pool of its own until it has joined another. Nothing that
    /// comes over the RPC port is answered before [`Network::serve`].
    pub async fn open(options: &NetworkOptions, who: Who<'_>) -> Result<Network, Error> {
        let seeking = Seeking {
            once: entries(&options.join)?,
            entries: entries(&options.retry_join)?,
            interval: options.retry_interval,
            max: options.retry_max,
        };
        let address = options.rpc_bind;
        let failed = |source| Error::Listen { address, source };
        let listener = Listener::bind(address).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let mut advertised = options.rpc_advertise;
        if advertised.port() == 0 {
            advertised.set_port(bound.port());
        }
        let thread = IoThread::start();
        let thread = thread.map_err(|source| Error::Thread { name: "rpc", source })?;
        let identity = Arc::new(Identity {
            id: who.id,
            name: who.name.to_owned(),
            role: who.role,
            shard: who.shard,
            mark: Some(Arc::clone(&who.mark)),
            key: options.key.as_ref().map(|key| derive_key(key.as_bytes())),
            protocol: protocol(),
        });
        let gossip = Gossip::start(dkron_gossip::Options {
            id: who.id,
            name: who.name.to_owned(),
            bind: options.bind,
            advertise: options.advertise,
            profile: options.profile,
            key: options.key.clone(),
            tags: located(who.tags.clone(), advertised, who.mark.get()),
            reconnect_timeout: options.reconnect_timeout,
            roster: Some(who.directory.join("roster")),
        });
        let gossip = gossip.await.map_err(Error::Gossip)?;
        let tags = Arc::new(Mutex::new(who.tags));
        let retag = Retag { gossip: gossip.clone(), rpc: advertised, mark: who.mark, tags };
        let wire = Arc::new(Client::new(&thread, Arc::clone(&identity)));
        let rpc = Ports { bound, advertised };
        let (listener, shutdown) = (Some(listener), CancellationToken::new());
        let serving = None;
        Ok(Network {
            gossip,
            retag,
            thread,
            identity,
            wire,
            rpc,
            listener,
            serving,
            shutdown,
            seeking,
        })
    }

    pub fn wire(&self) -> Arc<dyn Wire> {
        Arc::clone(&self.wire)
    }

    pub fn book(&self) -> Book {
        Book::new(self.gossip.members())
    }

    pub fn listens(&self) -> Listens {
        Listens { gossip: self.gossip.local_addr(), rpc: self.rpc.bound }
    }

    /// `host:port` of the RPC port, for others.
    pub fn rpc_address(&self) -> String {
        self.rpc.advertised.to_string()
    }

    /// Where others reach the gossip.
    pub fn advertised(&self) -> SocketAddr {
        self.gossip.advertised()
    }

    pub fn retag(&self) -> Retag {
        self.retag.clone()
    }

    /// Answers others from now on; within the runtime in which streams shall be served.
    pub fn serve(&mut self, router: Router) -> Result<(), Error> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let (identity, shutdown) = (Arc::clone(&self.identity), self.shutdown.clone());
        let serving = listener.serve(&self.thread, identity, router, shutdown);
        let address = self.rpc.bound;
        self.serving = Some(serving.map_err(|source| Error::Listen { address, source })?);
        Ok(())
    }

    /// Joins the others: those of `join` now, or it is an error; all others by and by. What can
    /// not be joined in the tries that there are is told to `fail`; that another node claims the
    /// name of this one stands in the log.
    pub async fn join(
        &mut self,
        tasks: &mut JoinSet<()>,
        fail: &mpsc::Sender<String>,
    ) -> Result<(), Error> {
        let Seeking { once, entries, interval, max } = &self.seeking;
        if !once.is_empty() {
            let mut addresses = Vec::new();
            for entry in once {
                addresses.extend(entry.resolve().await.map_err(Error::Gossip)?);
            }
            self.gossip.join(&addresses).await.map_err(Error::Gossip)?;
        }
        let (gossip, entries, interval, max) =
            (self.gossip.clone(), entries.clone(), *interval, *max);
        let gave_up = fail.clone();
        tasks.spawn(async move {
            if let Err(err) = retry_join(&gossip, entries, interval, max).await {
                // At an orderly stop nobody listens any more.
                let _ = gave_up.try_send(err.to_string());
            }
        });
        tasks.spawn(self.retag().follow());
        let mut conflict = self.gossip.conflict();
        tasks.spawn(async move {
            while conflict.changed().await.is_ok() {
                if let Some(claim) = conflict.borrow_and_update().as_ref() {
                    tracing::error!("{claim}");
                }
            }
        });
        Ok(())
    }

    /// Says goodbye to the other members.
    pub async fn leave(&self) {
        self.gossip.leave().await;
    }

    /// Ends all connections.
    pub async fn close(self) {
        self.shutdown.cancel();
        if let Some(serving) = self.serving {
            // Who does not end in time is cut off with the thread.
            let _ = tokio::time::timeout(CLOSING, serving).await;
        }
    }
}

impl Retag {
    pub async fn publish(&self, tags: BTreeMap<String, String>) -> Result<(), Error> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&tags);
        let tags = located(tags, self.rpc, self.mark.get());
        self.gossip.set_tags(tags).await.map_err(Error::Gossip)
    }

    /// Publishes the same tags anew whenever this node belongs to another cluster.
    async fn follow(self) {
        let mut changes = self.mark.changes();
        let mut said = None;
        loop {
            let now = *changes.borrow_and_update();
            if said != now {
                said = now;
                let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Err(err) = self.publish(tags).await {
                    tracing::debug!(%err, "the cluster of this node was not published");
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

fn entries(texts: &[String]) -> Result<Vec<Entry>, Error> {
    texts.iter().map(|text| discover::parse(text).map_err(Error::Gossip)).collect()
}

/// The tags with those that lead to the RPC port and name the cluster.
fn located(
    mut tags: BTreeMap<String, String>,
    rpc: SocketAddr,
    marked: Option<Marked>,
) -> BTreeMap<String, String> {
    if let Some(marked) = marked {
        tags.insert(CLUSTER_TAG.to_owned(), marked.to_string());
    }
    tags.insert("port".to_owned(), rpc.port().to_string());
    tags.insert("rpc_addr".to_owned(), rpc.to_string());
    tags
}
