//! Three servers, over sockets or within the process, and what can happen to the ways between.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dkron_gossip::{Member, Members, Status};
use dkron_raft::{Handle, Leadership, Options, Outcome, Peer};
use dkron_store::Durability;
use dkron_store::log::{self, Log};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::super::{Carrier, register};
use super::owner::{Frames, Owner};
use crate::cluster::Book;
use crate::rpc::grpc::{Client, Identity, IoThread, Listener, protocol};
use crate::rpc::memory::Hub;
use crate::rpc::{self, BoxFuture, CallError, Caller, Lane, Method, Role, Router, Target, Wire};

/// Far more than anything takes that is not broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub enum Ways {
    Sockets,
    Memory(Hub),
}

pub struct World {
    ways: Ways,
    cut: Cuts,
    book: (watch::Sender<Members>, Book),
    pub servers: BTreeMap<u64, Server>,
    pub frames: Arc<Frames>,
}

pub struct Server {
    pub handle: Handle,
    pub owner: Arc<Owner>,
    slot: Arc<Mutex<Option<Handle>>>,
    directory: TempDir,
    shutdown: CancellationToken,
}

/// Pairs between which nothing passes, in this direction.
type Cuts = Arc<Mutex<HashSet<(u64, u64)>>>;

impl World {
    pub async fn begin(ways: Ways) -> World {
        let book = Book::fixed(Vec::new());
        let mut world = World {
            ways,
            cut: Cuts::default(),
            book,
            servers: BTreeMap::new(),
            frames: Arc::default(),
        };
        for id in 1..=3 {
            world.start(id, TempDir::new().unwrap(), Arc::default()).await;
        }
        let peers: Vec<_> = (1..=3).map(peer).collect();
        assert!(world.servers[&1].handle.initialize(&peers).await.unwrap());
        world
    }

    /// With the disk and the rows of an earlier life, or with none.
    pub async fn start(&mut self, id: u64, directory: TempDir, owner: Arc<Owner>) {
        let slot = Arc::new(Mutex::new(None::<Handle>));
        let door = Arc::clone(&slot);
        let router = register(
            Router::default(),
            move || door.lock().unwrap().clone(),
            Arc::clone(&self.frames) as Arc<_>,
        );
        let shutdown = CancellationToken::new();
        let inner = self.connect(id, router, shutdown.clone());
        let wire = Arc::new(Scissors { own: id, cut: Arc::clone(&self.cut), inner });
        let carrier =
            Carrier { wire, book: self.book.1.clone(), rows: Arc::clone(&self.frames) as Arc<_> };
        let options = log::Options { durability: Durability::None, ..log::Options::default() };
        let log = Arc::new(Log::open(&directory.path().join("log"), options).unwrap());
        let options = Options { keep_bytes: 0, keep_age: Duration::ZERO, ..Options::new(id) };
        let batches = owner.work();
        let started = dkron_raft::start(options, log, owner.clone(), batches, Arc::new(carrier));
        let handle = started.await.unwrap();
        *slot.lock().unwrap() = Some(handle.clone());
        let server = Server { handle, owner, slot, directory, shutdown };
        self.servers.insert(id, server);
    }

    fn connect(&self, id: u64, router: Router, shutdown: CancellationToken) -> Arc<dyn Wire> {
        let name = format!("s{id}");
        match &self.ways {
            Ways::Memory(hub) => {
                hub.serve(id, router);
                hub.wire(Caller { id, name, role: Role::Server, version: 1 })
            }
            Ways::Sockets => {
                let identity = Arc::new(Identity {
                    id,
                    name,
                    role: Role::Server,
                    shard: 0,
                    mark: None,
                    key: None,
                    protocol: protocol(),
                });
                let thread = IoThread::start().unwrap();
                let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
                self.note(id, listener.local_addr().unwrap().port());
                listener.serve(&thread, Arc::clone(&identity), router, shutdown).unwrap();
                Arc::new(Client::new(&thread, identity))
            }
        }
    }

    /// What gossip would say of a server.
    fn note(&self, id: u64, port: u16) {
        let tags = [("role", "dkron"), ("server", "true"), ("port", &port.to_string())];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let member = Member {
            id,
            name: format!("s{id}"),
            address: "127.0.0.1:8946".parse().unwrap(),
            tags: tags.into(),
            status: Status::Alive,
        };
        self.book.0.send_modify(|members| {
            let others = members.iter().filter(|one| one.id != id).cloned();
            *members = Arc::new(others.chain([member.clone()]).collect());
        });
    }

    /// Ends a server; its disk and rows are for the next life.
    pub async fn stop(&mut self, id: u64) -> (TempDir, Arc<Owner>) {
        let server = self.servers.remove(&id).unwrap();
        server.slot.lock().unwrap().take();
        server.shutdown.cancel();
        if let Ways::Memory(hub) = &self.ways {
            hub.remove(id);
        }
        server.handle.shutdown().await;
        (server.directory, server.owner)
    }

    /// Nothing passes between this server and the others.
    pub fn cut_off(&self, id: u64) {
        let mut cut = self.cut.lock().unwrap();
        cut.extend((1..=3).flat_map(|other| [(id, other), (other, id)]));
    }

    pub fn heal(&self) {
        self.cut.lock().unwrap().clear();
    }

    /// Waits for a leader among these.
    pub async fn leader(&self, among: &[u64]) -> u64 {
        let found = async {
            loop {
                for id in among {
                    let leads = self.servers[id].handle.leadership().borrow().is_leader();
                    if leads {
                        return *id;
                    }
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap()
    }

    /// Every text is committed in the end, at some leader among these; in order.
    pub async fn propose(&self, among: &[u64], texts: std::ops::Range<usize>) {
        let leader = self.leader(among).await;
        let handle = &self.servers[&leader].handle;
        let ask = |n| handle.try_propose(dkron_raft::Lane::Api, Bytes::from(text(n)));
        let proposals: Vec<_> = texts.map(|n| ask(n).unwrap()).collect();
        for proposal in proposals {
            let outcome = tokio::time::timeout(PATIENCE, proposal).await.unwrap();
            assert!(matches!(outcome, Outcome::Committed { .. }), "{outcome:?}");
        }
    }

    pub fn all_have(&self, count: usize) {
        let expected: Vec<_> = (0..count).map(text).collect();
        for server in self.servers.values() {
            server.owner.wait_for(count);
            assert_eq!(server.owner.texts(), expected);
        }
    }

    pub async fn follows(&self, id: u64, leader: u64) {
        let mut seen = self.servers[&id].handle.leadership();
        let known = |seen: &Leadership| {
            let Leadership::Following { leader: Some(peer) } = seen else { return false };
            peer.id == leader
        };
        tokio::time::timeout(PATIENCE, seen.wait_for(known)).await.unwrap().unwrap();
    }
}

/// Long enough for the log to tell ranges by size.
fn text(number: usize) -> String {
    format!("{number:0200}")
}

fn peer(id: u64) -> Peer {
    // Nobody is there: addresses are those of the book.
    Peer { id, name: format!("s{id}"), address: "127.0.0.1:1".into() }
}

/// A way that can be cut.
struct Scissors {
    own: u64,
    cut: Cuts,
    inner: Arc<dyn Wire>,
}

impl Scissors {
    fn check(&self, to: &Target) -> Result<(), CallError> {
        let cut = self.cut.lock().unwrap().contains(&(self.own, to.id));
        if cut { Err(CallError::Unreachable("the way is cut".into())) } else { Ok(()) }
    }
}

impl Wire for Scissors {
    fn call(
        &self,
        to: &Target,
        lane: Lane,
        method: Method,
        message: Bytes,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, CallError>> {
        let (checked, answer) =
            (self.check(to), self.inner.call(to, lane, method, message, patience));
        Box::pin(async move {
            checked?;
            answer.await
        })
    }

    fn open(
        &self,
        to: &Target,
        lane: Lane,
        method: Method,
        patience: Duration,
    ) -> BoxFuture<Result<rpc::Frames, CallError>> {
        let (checked, opened) = (self.check(to), self.inner.open(to, lane, method, patience));
        Box::pin(async move {
            checked?;
            opened.await
        })
    }
}
