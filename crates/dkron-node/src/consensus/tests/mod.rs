//! Consensus of three servers over both ways.

mod owner;
mod world;

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use dkron_raft::MessageKind;
use dkron_store::Durability;
use dkron_store::state::{self, Keyspace, Op, State};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{Rows as _, Stored, code, kind, register};
use crate::rpc::memory::Hub;
use crate::rpc::{Caller, Lane, Method, Role, Router, Target};
use crate::snapshot::{self, SnapshotRows};
use world::{PATIENCE, Ways, World};

const ALL: [u64; 3] = [1, 2, 3];

fn others(id: u64) -> Vec<u64> {
    ALL.into_iter().filter(|other| *other != id).collect()
}

async fn live(ways: Ways) {
    let mut world = World::begin(ways).await;
    world.propose(&ALL, 0..1000).await;
    world.all_have(1000);

    // Cut off, the leader is replaced; healed, it follows and has what it missed.
    let first = world.leader(&ALL).await;
    world.cut_off(first);
    let second = world.leader(&others(first)).await;
    world.propose(&[second], 1000..1100).await;
    world.heal();
    world.follows(first, second).await;
    world.all_have(1100);

    // A follower that stops and comes back, elsewhere, is found.
    let (directory, owner) = world.stop(first).await;
    world.propose(&others(first), 1100..1200).await;
    world.start(first, directory, owner).await;
    world.all_have(1200);

    // One that missed more than the log keeps gets rows, and what was said since.
    let late = others(world.leader(&ALL).await)[0];
    let (directory, owner) = world.stop(late).await;
    world.propose(&others(late), 1200..3200).await;
    let leader = world.leader(&others(late)).await;
    assert!(world.servers[&leader].handle.snapshot_and_purge().await.unwrap().is_some());
    world.start(late, directory, owner).await;
    world.propose(&ALL, 3200..3300).await;
    world.all_have(3300);
    assert!(world.frames.received() > 0, "no snapshot was needed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_over_sockets_survive_a_cut_a_restart_and_a_purged_log() {
    live(Ways::Sockets).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_in_memory_survive_a_cut_a_restart_and_a_purged_log() {
    live(Ways::Memory(Hub::default())).await;
}

#[tokio::test]
async fn rows_of_the_store_travel_whole_or_not_at_all() {
    let directories = [(); 2].map(|()| TempDir::new().unwrap());
    let stores = directories.each_ref().map(|directory| {
        let options = state::Options { durability: Durability::None, ..state::Options::default() };
        Arc::new(State::open(&directory.path().join("state"), options).unwrap())
    });
    let rows = (0..1000u32).map(|n| Op::put(Keyspace::Meta, n.to_be_bytes(), [7; 200]));
    stores[0].push(7, rows.collect()).unwrap();
    for passes in [usize::MAX, 2] {
        stores[0].flush().unwrap();
        let parcel = SnapshotRows::new(stores[0].view().unwrap()).parcel();
        let (sender, mut sent) = mpsc::channel(4);
        let (outbox, inbox) = mpsc::channel(4);
        let sending = tokio::spawn(Arc::new(Stored(Arc::clone(&stores[0]))).send(parcel, sender));
        tokio::spawn(async move {
            for _ in 0..passes {
                let Some(frame) = sent.recv().await else { return };
                outbox.send(Ok(frame)).await.unwrap();
            }
        });
        let received = Arc::new(Stored(Arc::clone(&stores[1]))).receive(inbox).await;
        sending.await.unwrap().unwrap();
        match received {
            Ok(parcel) => assert_eq!(snapshot::staged(parcel).unwrap().applied_index(), 7),
            Err(err) => assert_eq!((passes, err.kind()), (2, ErrorKind::UnexpectedEof)),
        }
    }
}

#[test]
fn kinds_keep_their_numbers() {
    use MessageKind::{Append, Heartbeat, PreVote, Transfer, Vote};
    let kinds = [Append, Heartbeat, Vote, PreVote, Transfer];
    assert_eq!(kinds.map(code), [1, 2, 3, 4, 5]);
    assert!((1..=5).all(|number| kind(number).map(code) == Some(number)));
    assert_eq!((kind(0), kind(6)), (None, None));
}

#[tokio::test]
async fn only_servers_are_heard_and_only_when_consensus_runs() {
    let hub = Hub::default();
    hub.serve(1, register(Router::default(), || None, Arc::new(owner::Frames::default())));
    let to = Target { id: 1, address: String::new() };
    for (role, expected) in [(Role::Agent, "is no server"), (Role::Server, "is not running")] {
        let wire = hub.wire(Caller { id: 2, name: "n2".into(), role, version: 1 });
        let question = Bytes::from_static(&[2]);
        let answer = wire.call(&to, Lane::Control, Method::Consensus, question, PATIENCE).await;
        assert!(answer.unwrap_err().to_string().contains(expected));
        let mut frames = wire.open(&to, Lane::Bulk, Method::Snapshot, PATIENCE).await.unwrap();
        let answer = frames.from.recv().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&answer[1..]).contains(expected));
    }
}
