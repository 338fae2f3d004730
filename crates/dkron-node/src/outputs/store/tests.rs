use dkron_raft::Membership;
use dkron_store::Durability;
use dkron_store::blob::Options;
use tokio::time::Instant;

use super::*;
use crate::cluster::stage;
use crate::outputs::serve;
use crate::rpc::memory::Hub;
use crate::rpc::{Caller, Lane, Method, Role, Router};

/// Servers that keep outputs, from 1 on; they see each other as voters.
struct Stage {
    hub: Hub,
    stores: Vec<Store>,
    dirs: Vec<tempfile::TempDir>,
}

fn stage(count: u64) -> Stage {
    let ids: Vec<u64> = (1..=count).collect();
    let mut stage = Stage { hub: Hub::default(), stores: Vec::new(), dirs: Vec::new() };
    for id in &ids {
        stage.dirs.push(tempfile::tempdir().unwrap());
        let store = store(&stage, *id, stage::membership(&ids, &[]));
        stage.hub.serve(*id, serve::register(Router::default(), &store));
        stage.stores.push(store);
    }
    stage
}

fn store(stage: &Stage, id: u64, membership: Membership) -> Store {
    let options = Options { durability: Durability::None, ..Options::default() };
    let dir = stage.dirs.last().unwrap().path();
    let blobs = Arc::new(Blobs::open(&dir.join("blobs"), options).unwrap());
    let (_members, book) = stage::book(&[1, 2, 3], 3);
    let wire = stage.hub.wire(stage::caller(id));
    let membership = Arc::new(move || membership.clone());
    Store::new(blobs, Circle { own: id, wire, book, membership })
}

fn large(byte: u8) -> Vec<u8> {
    let mut bytes = vec![byte; 700_000];
    bytes.extend_from_slice(b"the end");
    bytes
}

impl Stage {
    fn have(&self, name: &Name) -> usize {
        self.stores.iter().filter(|store| store.blobs.contains(&name.digest)).count()
    }

    async fn until_have(&self, name: &Name, count: usize) {
        stage::until(|| self.have(name) == count).await;
    }
}

#[tokio::test]
async fn a_large_output_is_at_a_majority_when_it_is_kept() {
    let stage = stage(3);
    let kept = stage.stores[0].keep(large(1)).await;
    let name = name_of(&kept).unwrap();
    assert!(stage.have(&name) >= 2);
    // The third one gets it too.
    stage.until_have(&name, 3).await;
    assert_eq!(stage.stores[2].read_here(&kept), large(1));
}

#[tokio::test]
async fn one_server_of_three_may_be_away() {
    let stage = stage(3);
    stage.hub.remove(2);
    let name = name_of(&stage.stores[0].keep(large(1)).await).unwrap();
    assert_eq!(stage.have(&name), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_majority_only_the_tail_stays() {
    let stage = stage(3);
    stage.hub.remove(2);
    stage.hub.remove(3);
    let begun = Instant::now();
    let Output::Inline(tail) = stage.stores[0].keep(large(1)).await else { panic!("stored") };
    assert_eq!(begun.elapsed().as_secs(), STORED.as_secs());
    assert_eq!(tail.len(), limits::INLINE_OUTPUT);
    assert!(tail.ends_with(b"the end"));
}

#[tokio::test]
async fn the_most_that_a_job_may_keep_is_stored() {
    let stage = stage(2);
    let kept = stage.stores[0].keep(vec![7; limits::OUTPUT_BYTES_MOST as usize]).await;
    assert_eq!(stage.have(&name_of(&kept).unwrap()), 2);
}

#[tokio::test]
async fn a_server_without_others_keeps_by_itself() {
    let stage = stage(1);
    assert!(name_of(&stage.stores[0].keep(large(1)).await).is_some());
}

#[tokio::test]
async fn what_an_agent_brings_is_spread_once() {
    let stage = stage(3);
    let agent = Caller { role: Role::Agent, ..stage::caller(11) };
    let (wire, bytes) = (stage.hub.wire(agent), Bytes::from(large(2)));
    let (to, name) = (crate::rpc::Target { id: 1, address: String::new() }, Name::of(&bytes));
    carry::put(&*wire, &to, name, Put::Spread, &bytes).await.unwrap();
    assert!(stage.have(&name) >= 2);
    stage.until_have(&name, 3).await;
    // Once more, as when the answer got lost.
    carry::put(&*wire, &to, name, Put::Spread, &bytes).await.unwrap();
    let other = Name::of(b"something else");
    let refused = carry::put(&*wire, &to, other, Put::Store, &bytes).await;
    assert!(matches!(refused, Err(crate::rpc::CallError::Refused(_))), "{refused:?}");
}

/// Who waits for room keeps its bytes.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_there_is_room() {
    let stage = stage(1);
    let wire = stage.hub.wire(stage::caller(2));
    let to = crate::rpc::Target { id: 1, address: String::new() };
    let head = [[0; 32].as_slice(), &(carry::MOST as u64).to_be_bytes(), &[0]].concat();
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut frames = wire.open(&to, Lane::Bulk, Method::PutOutput, AGAIN).await.unwrap();
        frames.to.send(head.clone().into()).await.unwrap();
        assert_eq!(frames.from.recv().await.unwrap().unwrap().as_ref(), &[1]);
        streams.push(frames);
    }
    let mut third = wire.open(&to, Lane::Bulk, Method::PutOutput, AGAIN).await.unwrap();
    third.to.send(head.into()).await.unwrap();
    assert!(timeout(Duration::from_millis(50), third.from.recv()).await.is_err());
    drop(streams);
    assert_eq!(third.from.recv().await.unwrap().unwrap().as_ref(), &[1]);
}

#[tokio::test]
async fn a_plain_put_goes_nowhere_else() {
    let stage = stage(3);
    let (wire, bytes) = (stage.hub.wire(stage::caller(2)), Bytes::from(large(2)));
    let (to, name) = (crate::rpc::Target { id: 1, address: String::new() }, Name::of(&bytes));
    carry::put(&*wire, &to, name, Put::Store, &bytes).await.unwrap();
    assert_eq!(stage.have(&name), 1);
}

#[tokio::test]
async fn what_is_missing_is_fetched_once_and_stays() {
    let stage = stage(3);
    let bytes = Bytes::from(large(3));
    let name = stage.stores[2].put(bytes.clone()).await.unwrap();
    let output = stored(name);
    let (one, other) = (stage.stores[0].read(&output), stage.stores[0].read(&output));
    let (one, other) = tokio::join!(one, other);
    assert!(one == bytes && other == bytes);
    // The one that had it may go now.
    stage.hub.remove(3);
    assert_eq!(stage.stores[1].read(&output).await, bytes);
}

#[tokio::test]
async fn what_nobody_has_is_told() {
    let stage = stage(3);
    let name = Name::of(&large(4));
    assert_eq!(stage.stores[0].fetch(name).await, Err(Missing::Nowhere));
    assert_eq!(stage.stores[0].read(&stored(name)).await, GONE);
    stage.hub.remove(2);
    let away = stage.stores[0].fetch(name).await;
    assert!(matches!(away, Err(Missing::Unreachable(_))), "{away:?}");
    assert_eq!(stage.stores[0].read(&stored(name)).await, AWAY);
}

#[tokio::test]
async fn a_server_that_gives_something_else_is_not_believed() {
    let stage = stage(2);
    let name = Name::of(&large(5));
    let liar = Router::default().stream(Method::GetOutput, |_, frames| async move {
        carry::give(&frames.to, Some(Bytes::from(large(6)))).await;
    });
    stage.hub.serve(2, liar);
    let fetched = stage.stores[0].fetch(name).await;
    assert!(matches!(fetched, Err(Missing::Unreachable(_))), "{fetched:?}");
    assert_eq!(stage.have(&name), 0);
}

#[tokio::test]
async fn agents_are_not_given_what_others_wrote() {
    let stage = stage(1);
    let name = stage.stores[0].put(Bytes::from(large(7))).await.unwrap();
    let to = crate::rpc::Target { id: 1, address: String::new() };
    let agent = stage.hub.wire(Caller { role: Role::Agent, ..stage::caller(11) });
    assert!(carry::get(&*agent, &to, name).await.is_err());
    let server = stage.hub.wire(stage::caller(2));
    assert_eq!(carry::get(&*server, &to, name).await.unwrap(), Some(large(7)));
}

#[tokio::test]
async fn heads_that_make_no_sense_are_refused() {
    let stage = stage(1);
    let wire = stage.hub.wire(stage::caller(2));
    let to = crate::rpc::Target { id: 1, address: String::new() };
    let huge = [[0; 32].as_slice(), &u64::MAX.to_be_bytes(), &[0]].concat();
    for head in [b"short".to_vec(), huge, vec![0; 42]] {
        let mut frames = wire.open(&to, Lane::Bulk, Method::PutOutput, AGAIN).await.unwrap();
        frames.to.send(head.into()).await.unwrap();
        assert!(!frames.from.recv().await.unwrap().unwrap().is_empty());
    }
}
