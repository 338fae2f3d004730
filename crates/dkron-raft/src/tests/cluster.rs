//! Three servers in one process over a transport of function calls: the shape for clusters holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::owner::{Image, State, open_log};
use super::{Node, text, texts};
use crate::{
    BoxFuture, Handle, Lane, Leadership, MessageKind, Options, Outcome, Parcel, Peer, Transport,
    TransportError,
};

#[derive(Clone, Default)]
struct Street {
    doors: Arc<Mutex<BTreeMap<u64, Handle>>>,
}

impl Street {
    fn door(&self, to: &Peer) -> Result<Handle, TransportError> {
        let doors = self.doors.lock().unwrap();
        let closed = || TransportError::Unreachable { reason: format!("{} is down", to.name) };
        doors.get(&to.id).cloned().ok_or_else(closed)
    }
}

fn broken(err: crate::ReceiveError) -> TransportError {
    TransportError::Broken { reason: err.to_string() }
}

impl Transport for Street {
    fn send(
        &self,
        to: &Peer,
        kind: MessageKind,
        message: Bytes,
        _patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        let door = self.door(to);
        Box::pin(async move { door?.receive(kind, &message).await.map_err(broken) })
    }

    fn send_snapshot(
        &self,
        to: &Peer,
        message: Bytes,
        rows: Parcel,
        _patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        let door = self.door(to);
        Box::pin(async move { door?.install(&message, rows).await.map_err(broken) })
    }
}

fn peers() -> Vec<Peer> {
    let peer = |id: u64| Peer { id, name: format!("s{id}"), address: format!("10.0.0.{id}:1") };
    (1..=3).map(peer).collect()
}

async fn server(street: &Street, id: u64, directory: &TempDir) -> Node {
    let (log, state) = (open_log(directory.path()), State::of(Image::default()));
    let options = Options { keep_bytes: 0, keep_age: Duration::ZERO, ..Options::new(id) };
    let transport = Arc::new(street.clone());
    let owner = state.owner(None);
    let handle = crate::start(options, log.clone(), state.clone(), owner, transport).await.unwrap();
    street.doors.lock().unwrap().insert(id, handle.clone());
    Node { handle, state, log }
}

async fn leader(nodes: &[Node]) -> usize {
    let mut watches: Vec<_> = nodes.iter().map(|node| node.handle.leadership()).collect();
    let waits = watches.iter_mut().map(|watch| Box::pin(watch.wait_for(Leadership::is_leader)));
    let (_, place, _) = futures::future::select_all(waits).await;
    place
}

#[tokio::test]
async fn three_servers_survive_their_leader_and_catch_up_by_snapshot() {
    let street = Street::default();
    let directories = [(); 3].map(|()| TempDir::new().unwrap());
    let mut nodes = Vec::new();
    for (id, directory) in (1..).zip(&directories) {
        nodes.push(server(&street, id, directory).await);
    }
    assert!(nodes[0].handle.initialize(&peers()).await.unwrap());
    let first = leader(&nodes).await;
    nodes[first].propose(0..100).await;
    for node in &nodes {
        node.state.wait_for(100);
        assert_eq!(node.state.texts(), texts(0..100));
    }

    // A follower points at the leader.
    let follower = (first + 1) % 3;
    let mut leadership = nodes[follower].handle.leadership();
    let known = |seen: &Leadership| matches!(seen, Leadership::Following { leader: Some(_) });
    leadership.wait_for(known).await.unwrap();
    let outcome = nodes[follower].handle.propose(Lane::Api, text(0)).await.unwrap();
    assert_eq!(outcome, Outcome::NotLeader { hint: Some(peers()[first].clone()) });

    // Without its leader the rest goes on, and purges what the lost one would need.
    street.doors.lock().unwrap().remove(&(first as u64 + 1));
    let lost = nodes.remove(first);
    lost.handle.shutdown().await;
    drop(lost);
    let second = leader(&nodes).await;
    nodes[second].propose(100..2000).await;
    assert!(nodes[second].handle.snapshot_and_purge().await.unwrap().is_some());

    // It comes back with an empty disk, as the same id here, and gets a snapshot.
    let fresh = TempDir::new().unwrap();
    let back = server(&street, first as u64 + 1, &fresh).await;
    back.state.wait_for(2000);
    nodes[second].propose(2000..2010).await;
    back.state.wait_for(2010);
    assert_eq!(back.state.texts(), texts(0..2010));
}

#[tokio::test]
async fn a_leader_without_a_quorum_is_none() {
    let street = Street::default();
    let directories = [(); 3].map(|()| TempDir::new().unwrap());
    let mut nodes = Vec::new();
    for (id, directory) in (1..).zip(&directories) {
        nodes.push(server(&street, id, directory).await);
    }
    nodes[0].handle.initialize(&peers()).await.unwrap();
    let place = leader(&nodes).await;
    let mut leadership = nodes[place].handle.leadership();
    street.doors.lock().unwrap().clear();
    leadership.wait_for(|seen| !seen.is_leader()).await.unwrap();
    assert!(nodes[place].handle.read_index().await.is_err());
}
