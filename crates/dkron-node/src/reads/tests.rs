//! Reads of servers in one process. Bears T-42.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dkron_core::domain::NodeName;

use super::*;
use crate::cluster::Leader;
use crate::rpc::memory::Hub;
use crate::rpc::{Caller, Role, Target};

/// A server's state as the reader and consensus would tell it.
struct Server {
    index: watch::Sender<LogIndex>,
    office: watch::Sender<Option<Office>>,
    leader: watch::Sender<Leader>,
    holds: Arc<AtomicBool>,
    seen: Seen,
    reads: Reads,
}

const OFFICE: Office = Office { tenure: Tenure(5), epoch: None };

fn server(hub: &Hub, id: u64, index: u64) -> Server {
    let (Telling { index, office }, told) = Telling::new(LogIndex(index));
    let (leader, seen_leader) = watch::channel(Leader::None);
    let holds = Arc::new(AtomicBool::new(true));
    let lease = Arc::clone(&holds);
    let lease: Lease = Arc::new(move |_| lease.load(Ordering::Relaxed));
    let seen = Seen { told, lease };
    let (reads, questions) = Reads::new(seen.clone());
    hub.serve(id, register(Router::default(), seen.clone()));
    let own = Caller { id, name: format!("s{id}"), role: Role::Server, version: 1 };
    let wire = Some(hub.wire(own));
    tokio::spawn(run(Asking { questions, seen: seen.clone(), leader: seen_leader, wire }));
    Server { index, office, leader, holds, seen, reads }
}

fn other(id: u64) -> Leader {
    let target = Target { id, address: String::new() };
    Leader::Other { name: NodeName::new("s"), target }
}

fn fresh(index: u64) -> Result<Freshness, Error> {
    Ok(Freshness { index: LogIndex(index), stale: false })
}

fn stale(index: u64) -> Result<Freshness, Error> {
    Ok(Freshness { index: LogIndex(index), stale: true })
}

#[tokio::test(start_paused = true)]
async fn the_leader_asks_nobody_and_a_follower_waits_until_it_has_seen_as_much() {
    let hub = Hub::default();
    let (one, two) = (server(&hub, 1, 40), server(&hub, 2, 30));
    one.office.send_replace(Some(OFFICE));
    two.leader.send_replace(other(1));
    assert_eq!(one.reads.fresh(ReadMode::Fresh).await, fresh(40));
    let asked = tokio::spawn({
        let reads = two.reads.clone();
        async move { reads.fresh(ReadMode::Consistent).await }
    });
    two.index.send_replace(LogIndex(39));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!asked.is_finished());
    two.index.send_replace(LogIndex(41));
    assert_eq!(asked.await.unwrap(), fresh(41));
    assert_eq!(two.reads.fresh(ReadMode::Local).await, stale(41));
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_the_local_rows_are_shown_after_two_seconds_or_refused() {
    let hub = Hub::default();
    let (one, two) = (server(&hub, 1, 40), server(&hub, 2, 30));
    one.office.send_replace(Some(OFFICE));
    two.leader.send_replace(other(1));
    let begun = tokio::time::Instant::now();
    hub.cut(2, 1);
    assert_eq!(two.reads.fresh(ReadMode::Fresh).await, stale(30));
    assert_eq!(begun.elapsed(), PATIENCE);
    assert_eq!(two.reads.fresh(ReadMode::Consistent).await, Err(Error::Stale));
    assert_eq!(two.reads.fresh(ReadMode::Local).await, stale(30));
    // The follower that is behind says so as well.
    hub.heal();
    assert_eq!(two.reads.fresh(ReadMode::Fresh).await, stale(30));
    // And so does a leader whose lease is over.
    one.holds.store(false, Ordering::Relaxed);
    assert_eq!(one.seen.own_index(), None);
    assert_eq!(one.reads.fresh(ReadMode::Fresh).await, stale(40));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_names_its_entry_waits_for_that_alone() {
    let hub = Hub::default();
    let one = server(&hub, 1, 30);
    assert_eq!(one.reads.reached(LogIndex(30), Duration::ZERO).await, Ok(()));
    let behind = Error::Behind { index: LogIndex(31), seen: LogIndex(30) };
    assert_eq!(one.reads.reached(LogIndex(31), PATIENCE).await, Err(behind));
    let asked = tokio::spawn({
        let reads = one.reads.clone();
        async move { reads.reached(LogIndex(31), PATIENCE).await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    one.index.send_replace(LogIndex(32));
    assert_eq!(asked.await.unwrap(), Ok(()));
    let waiting: Vec<_> = (0..NAMED)
        .map(|_| {
            let reads = one.reads.clone();
            tokio::spawn(async move { reads.reached(LogIndex(90), PATIENCE).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(one.reads.reached(LogIndex(90), PATIENCE).await, Err(Error::Busy));
    waiting.into_iter().for_each(|each| each.abort());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_waits_asks_the_next_leader() {
    let hub = Hub::default();
    let (one, two) = (server(&hub, 1, 40), server(&hub, 2, 30));
    two.leader.send_replace(other(1));
    let asked = tokio::spawn({
        let reads = two.reads.clone();
        async move { reads.fresh(ReadMode::Consistent).await }
    });
    // The first does not lead; then nobody does; then the asking server itself.
    tokio::time::sleep(Duration::from_millis(300)).await;
    two.leader.send_replace(Leader::None);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!asked.is_finished());
    two.office.send_replace(Some(OFFICE));
    assert_eq!(asked.await.unwrap(), fresh(30));
    drop(one);
}

/// Each question counts how many reads it answers.
#[tokio::test(start_paused = true)]
async fn reads_that_wait_share_a_question_and_never_take_an_older_one() {
    let hub = Hub::default();
    let follower = server(&hub, 2, 100);
    follower.leader.send_replace(other(1));
    let asked = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Mutex::new(Vec::<oneshot::Sender<u64>>::new()));
    let (count, waiting) = (Arc::clone(&asked), Arc::clone(&gate));
    let router = Router::default().call(Method::ReadIndex, move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        waiting.lock().unwrap().push(sender);
        async move {
            let index = answer.await.map_err(|_| "gone")?;
            Ok(Bytes::from(dkron_wire::encode_read_index(LogIndex(index))))
        }
    });
    hub.serve(1, router);
    let read = || {
        let reads = follower.reads.clone();
        tokio::spawn(async move { reads.fresh(ReadMode::Consistent).await })
    };
    let first = read();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let later: Vec<_> = (0..50).map(|_| read()).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    gate.lock().unwrap().remove(0).send(100).unwrap();
    assert_eq!(first.await.unwrap(), fresh(100));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    follower.index.send_replace(LogIndex(120));
    gate.lock().unwrap().remove(0).send(110).unwrap();
    for read in later {
        assert_eq!(read.await.unwrap(), fresh(120));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
