//! A stage for tests: servers with real consensus over the hub, whose address book is written by
//! the test. Rows are a list in memory.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dkron_gossip::{Member, Members, Status};
use dkron_raft::{
    ApplyBatch, BoxFuture, Handle, Lane, Membership, MessageKind, Options, Outcome, Parcel, Peer,
    StateHandle, Transport, TransportError,
};
use dkron_store::Durability;
use dkron_store::log::{self, Log};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::bootstrap::Pledge;
use super::peers::{self, Own};
use super::{Book, Mark, bootstrap, depart};
use crate::rpc::memory::Hub;
use crate::rpc::{self, Caller, Method, Role, Router, Wire};

pub const REGION: &str = "global";

pub fn caller(id: u64) -> Caller {
    Caller { id, name: format!("s{id}"), role: Role::Server, version: 1 }
}

pub fn peer(id: u64) -> Peer {
    Peer { id, name: format!("s{id}"), address: format!("10.0.0.1:{id}") }
}

/// A server as gossip shows it.
pub fn member(id: u64, expect: u16) -> Member {
    let tags = [
        ("role", "dkron".to_owned()),
        ("server", "true".to_owned()),
        ("region", REGION.to_owned()),
        ("port", id.to_string()),
        ("expect", expect.to_string()),
    ];
    let tags = tags.map(|(key, value)| (key.to_owned(), value)).into();
    let address = "10.0.0.1:8946".parse().unwrap();
    Member { id, name: format!("s{id}"), address, tags, status: Status::Alive }
}

pub fn book(ids: &[u64], expect: u16) -> (watch::Sender<Members>, Book) {
    Book::fixed(ids.iter().map(|id| member(*id, expect)).collect())
}

pub fn membership(voters: &[u64], learners: &[u64]) -> Membership {
    let server = |id: &u64, voter| dkron_raft::Server {
        peer: peer(*id),
        voter,
        matched_index: Some(10),
        last_contact: Some(Duration::ZERO),
    };
    let voting = voters.iter().map(|id| server(id, true));
    let servers = voting.chain(learners.iter().map(|id| server(id, false))).collect();
    let (index, last_index) = (Some(1), Some(10));
    Membership { servers, index, is_joint: false, is_settled: true, last_index }
}

/// What consensus stores, in memory.
#[derive(Default)]
pub struct Rows {
    pub entries: Mutex<Vec<Bytes>>,
    marker: Mutex<Option<Bytes>>,
}

impl StateHandle for Rows {
    fn marker(&self) -> io::Result<Option<Bytes>> {
        Ok(self.marker.lock().unwrap().clone())
    }

    fn sync(&self) -> io::Result<Option<Bytes>> {
        self.marker()
    }
}

impl Rows {
    fn owner(self: &Arc<Self>) -> mpsc::Sender<ApplyBatch> {
        let (batches, mut received) = mpsc::channel::<ApplyBatch>(8);
        let rows = Arc::clone(self);
        std::thread::spawn(move || {
            while let Some(batch) = received.blocking_recv() {
                let mut entries = rows.entries.lock().unwrap();
                entries.extend(batch.entries.into_iter().map(|entry| entry.bytes));
                *rows.marker.lock().unwrap() = Some(batch.marker);
                let _ = batch.done.send(());
            }
        });
        batches
    }
}

/// Consensus over the wire: the sender's mark comes first, as the hello of a connection would tell.
struct Carrier {
    wire: Arc<dyn Wire>,
    mark: Arc<Mark>,
}

const KINDS: [MessageKind; 5] = [
    MessageKind::Append,
    MessageKind::Heartbeat,
    MessageKind::Vote,
    MessageKind::PreVote,
    MessageKind::Transfer,
];

impl Transport for Carrier {
    fn send(
        &self,
        to: &Peer,
        kind: MessageKind,
        message: Bytes,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        let target = rpc::Target { id: to.id, address: to.address.clone() };
        let mut bytes = vec![KINDS.iter().position(|it| *it == kind).unwrap() as u8];
        let mark = self.mark.get().expect("who sends has begun or was taken in");
        bytes.extend_from_slice(&mark.cluster.0);
        bytes.extend_from_slice(&message);
        let lane = rpc::Lane::Control;
        let call = self.wire.call(&target, lane, Method::Consensus, bytes.into(), patience);
        Box::pin(async move {
            call.await.map_err(|err| TransportError::Unreachable { reason: err.to_string() })
        })
    }

    fn send_snapshot(
        &self,
        _to: &Peer,
        _message: Bytes,
        _rows: Parcel,
        _patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        let reason = "no snapshots on this stage".to_owned();
        Box::pin(std::future::ready(Err(TransportError::Unreachable { reason })))
    }
}

/// A server on the stage, as it is assembled by a node.
pub struct Actor {
    pub id: u64,
    pub raft: Handle,
    pub mark: Arc<Mark>,
    pub rows: Arc<Rows>,
    pub parts: bootstrap::Parts,
}

/// All servers, and the book that they read.
pub struct Stage {
    pub hub: Hub,
    pub members: watch::Sender<Members>,
    pub book: Book,
}

impl Stage {
    /// With an empty book.
    pub fn new() -> Stage {
        let (members, book) = Book::fixed(Vec::new());
        Stage { hub: Hub::default(), members, book }
    }

    /// Everybody sees these from now on, all of them alive.
    pub fn show(&self, ids: &[u64], expect: u16) {
        let members = ids.iter().map(|id| member(*id, expect)).collect();
        self.members.send_replace(Arc::new(members));
    }

    pub async fn enter(&self, id: u64, expect: u16, directory: &Path) -> Actor {
        self.enter_with(id, expect, directory, self.book.clone()).await
    }

    /// A server with a book of its own.
    pub async fn enter_with(&self, id: u64, expect: u16, directory: &Path, book: Book) -> Actor {
        let mark = Arc::new(Mark::open(directory).unwrap());
        let pledge = Arc::new(Pledge::open(directory).unwrap());
        mark.bind(Arc::clone(&pledge));
        let wire = self.hub.wire(caller(id));
        let rows = Arc::new(Rows::default());
        let raft = start(id, directory, &rows, Arc::clone(&wire), &mark).await;
        let (own, region) = (peer(id), REGION.to_owned());
        let parts = bootstrap::Parts {
            raft: raft.clone(),
            wire,
            book,
            mark: Arc::clone(&mark),
            pledge,
            own,
            region,
            expect,
        };
        let status = Own {
            id,
            name: format!("s{id}"),
            version: "1.0.0".into(),
            protocol_max: 1,
            mark: Arc::clone(&mark),
            raft: Some(raft.clone()),
        };
        let router = bootstrap::register(Router::default(), parts.clone());
        let router = peers::register(router, status);
        let router = depart::register(router, raft.clone());
        self.hub.serve(id, receiving(router, raft.clone(), Arc::clone(&mark)));
        Actor { id, raft, mark, rows, parts }
    }

    /// A server is gone, with its disk left behind.
    pub async fn leave(&self, actor: Actor) {
        self.hub.remove(actor.id);
        actor.raft.shutdown().await;
    }
}

async fn start(
    id: u64,
    directory: &Path,
    rows: &Arc<Rows>,
    wire: Arc<dyn Wire>,
    mark: &Arc<Mark>,
) -> Handle {
    let options = log::Options { durability: Durability::None, ..log::Options::default() };
    let path = directory.join("log.redb");
    // The thread of a server that was here before may hold it for a moment.
    let log = loop {
        match Log::open(&path, options.clone()) {
            Ok(log) => break Arc::new(log),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    let transport = Arc::new(Carrier { wire, mark: Arc::clone(mark) });
    dkron_raft::start(Options::new(id), log, rows.clone(), rows.owner(), transport).await.unwrap()
}

/// The answering end of [`Carrier`].
fn receiving(router: Router, raft: Handle, mark: Arc<Mark>) -> Router {
    router.call(Method::Consensus, move |_caller, message| {
        let (raft, mark) = (raft.clone(), Arc::clone(&mark));
        async move {
            let cluster = <[u8; 16]>::try_from(&message[1..17]).unwrap();
            let new = super::Marked { cluster: super::ClusterId(cluster), generation: 0 };
            mark.adopt(new).map_err(|err| err.to_string())?;
            let kind = KINDS[usize::from(message[0])];
            raft.receive(kind, &message[17..]).await.map_err(|err| err.to_string())
        }
    })
}

impl Actor {
    pub async fn propose(&self, text: &'static str) {
        let proposed = self.raft.propose(Lane::Api, Bytes::from_static(text.as_bytes())).await;
        assert!(matches!(proposed, Ok(Outcome::Committed { .. })), "{proposed:?}");
    }

    pub fn voters(&self) -> Vec<u64> {
        self.raft.membership().voters().map(|server| server.peer.id).collect()
    }
}

/// A server of its own on a real data directory, until it has committed something; tells the index.
pub async fn alone(data: dkron_store::data_dir::DataDir, own: &Peer) -> u64 {
    let rows = Arc::new(Rows::default());
    let (options, owner) = (Options::new(own.id), rows.owner());
    let alone = Arc::new(dkron_raft::Alone);
    let log = data.log().unwrap();
    let raft = dkron_raft::start(options, log, rows, owner, alone).await.unwrap();
    raft.initialize(std::slice::from_ref(own)).await.unwrap();
    until(|| raft.leads_now()).await;
    let proposed = raft.propose(Lane::Api, Bytes::from_static(b"a")).await.unwrap();
    let Outcome::Committed { index } = proposed else { panic!("{proposed:?}") };
    raft.shutdown().await;
    index
}

pub fn directories<const N: usize>() -> [TempDir; N] {
    std::array::from_fn(|_| tempfile::tempdir().unwrap())
}

/// Waits until something holds, at most twenty seconds.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.expect("it never came true");
}

/// The one that leads.
pub async fn leader(actors: &[Actor]) -> usize {
    let mut found = None;
    until(|| {
        found = actors.iter().position(|actor| actor.raft.leads_now());
        found.is_some()
    })
    .await;
    found.expect("it was waited for")
}
