//! Servers in one process over a transport of function calls, whose ways can be cut one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::Node;
use super::owner::{Image, State, open_log};
use crate::{
    BoxFuture, Change, ChangeError, Handle, Leadership, MessageKind, Options, Parcel, Peer,
    Transport, TransportError,
};

#[derive(Clone, Default)]
pub struct Street {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    doors: BTreeMap<u64, Handle>,
    cut: BTreeSet<(u64, u64)>,
    /// Snapshots that went through.
    snapshots: usize,
    /// Snapshots wait on the way while this is set.
    is_slow: bool,
}

impl Street {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// What `from` says does not reach `to` any more; the answers of `to` neither.
    pub fn cut(&self, from: u64, to: u64) {
        self.inner().cut.insert((from, to));
    }

    /// No word passes between the two halves.
    pub fn part(&self, one: &[u64], other: &[u64]) {
        for (from, to) in one.iter().flat_map(|from| other.iter().map(move |to| (*from, *to))) {
            self.cut(from, to);
            self.cut(to, from);
        }
    }

    pub fn heal(&self) {
        self.inner().cut.clear();
    }

    pub fn close(&self, id: u64) {
        self.inner().doors.remove(&id);
    }

    pub fn set_slow(&self, is_slow: bool) {
        self.inner().is_slow = is_slow;
    }

    pub fn snapshots(&self) -> usize {
        self.inner().snapshots
    }

    fn is_cut(&self, from: u64, to: u64) -> bool {
        self.inner().cut.contains(&(from, to))
    }

    fn door(&self, from: u64, to: &Peer) -> Result<Handle, TransportError> {
        let inner = self.inner();
        let closed = || TransportError::Unreachable { reason: format!("{} is down", to.name) };
        let door = inner.doors.get(&to.id).filter(|_| !inner.cut.contains(&(from, to.id)));
        door.cloned().ok_or_else(closed)
    }
}

/// The way out of one server.
struct Way {
    street: Street,
    from: u64,
}

fn broken(reason: impl ToString) -> TransportError {
    TransportError::Broken { reason: reason.to_string() }
}

impl Transport for Way {
    fn send(
        &self,
        to: &Peer,
        kind: MessageKind,
        message: Bytes,
        _patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        let (street, from, to) = (self.street.clone(), self.from, to.clone());
        Box::pin(async move {
            let answer = street.door(from, &to)?.receive(kind, &message).await.map_err(broken);
            if street.is_cut(to.id, from) { Err(broken("the answer was lost")) } else { answer }
        })
    }

    fn send_snapshot(
        &self,
        to: &Peer,
        message: Bytes,
        rows: Parcel,
        _patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        let (street, from, to) = (self.street.clone(), self.from, to.clone());
        Box::pin(async move {
            while street.inner().is_slow {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let answer = street.door(from, &to)?.install(&message, rows).await.map_err(broken)?;
            street.inner().snapshots += 1;
            Ok(answer)
        })
    }
}

pub fn peer(id: u64) -> Peer {
    Peer { id, name: format!("s{id}"), address: format!("10.0.0.{id}:1") }
}

/// Servers and their directories, by id.
pub struct Town {
    pub street: Street,
    pub nodes: BTreeMap<u64, Node>,
    directories: BTreeMap<u64, TempDir>,
    options: Options,
}

impl Town {
    /// Servers 1 to `count` of no cluster yet.
    pub async fn of(count: u64) -> Town {
        Self::with(count, Self::options()).await
    }

    /// Twice the usual timings: leaders stay where they are while many tests share a processor.
    pub fn options() -> Options {
        let usual = Options::new(0);
        Options { keep_bytes: 0, keep_age: Duration::ZERO, multiplier: 2, ..usual }
    }

    pub async fn with(count: u64, options: Options) -> Town {
        let (street, nodes, directories) = (Street::default(), BTreeMap::new(), BTreeMap::new());
        let mut town = Town { street, nodes, directories, options };
        for id in 1..=count {
            town.open(id).await;
        }
        town
    }

    /// The same, as one cluster with a leader.
    pub async fn cluster(count: u64) -> Town {
        let town = Self::of(count).await;
        town.begin(count).await;
        town
    }

    pub async fn begin(&self, count: u64) {
        let peers: Vec<Peer> = (1..=count).map(peer).collect();
        assert!(self.nodes[&1].handle.initialize(&peers).await.unwrap());
        self.leader().await;
    }

    /// A server with an empty directory.
    pub async fn open(&mut self, id: u64) {
        self.directories.insert(id, TempDir::new().unwrap());
        self.start(id, Image::default()).await;
    }

    /// A server with what it had; `image` is what its state kept.
    pub async fn start(&mut self, id: u64, image: Image) {
        let (log, state) = (open_log(self.directories[&id].path()), State::of(image));
        let options = Options { node_id: id, ..self.options.clone() };
        let transport = Arc::new(Way { street: self.street.clone(), from: id });
        let owner = state.owner(None);
        let handle =
            crate::start(options, log.clone(), state.clone(), owner, transport).await.unwrap();
        self.street.inner().doors.insert(id, handle.clone());
        self.nodes.insert(id, Node { handle, state, log });
    }

    /// Stops a server; what its state held is returned. Its log is closed when this returns.
    pub async fn kill(&mut self, id: u64) -> Image {
        self.street.close(id);
        let node = self.nodes.remove(&id).unwrap();
        let image = node.state.image();
        node.handle.shutdown().await;
        drop(node.handle);
        super::wait_for_release(&node.log);
        image
    }

    pub fn directory(&self, id: u64) -> &std::path::Path {
        self.directories[&id].path()
    }

    /// Waits for one that leads.
    pub async fn leader(&self) -> u64 {
        self.leader_among(&self.nodes.keys().copied().collect::<Vec<_>>()).await
    }

    pub async fn leader_among(&self, ids: &[u64]) -> u64 {
        let mut watches: Vec<_> = ids.iter().map(|id| self.nodes[id].handle.leadership()).collect();
        let waits = watches.iter_mut().map(|watch| Box::pin(watch.wait_for(Leadership::is_leader)));
        let (seen, place, _) = futures::future::select_all(waits).await;
        seen.unwrap();
        ids[place]
    }

    /// Whoever leads carries the change out, perhaps not the first one that is asked.
    pub async fn change(&self, change: Change) {
        let done = async {
            loop {
                match self.handle(self.leader().await).change(change.clone()).await {
                    Ok(()) => return,
                    Err(ChangeError::NotLeader { .. } | ChangeError::Unknown) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), done).await.expect("it was never done");
    }

    pub fn handle(&self, id: u64) -> &Handle {
        &self.nodes[&id].handle
    }

    /// All servers hold exactly the first `count` texts.
    pub fn check(&self, count: usize) {
        for (id, node) in &self.nodes {
            node.state.wait_for(count);
            assert_eq!(node.state.texts(), super::texts(0..count), "server {id}");
        }
    }
}

/// Waits until something holds, at most ten seconds.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("it never came true");
}
