//! A cluster of one, from start over crash to restart.
//! Bears T-09, T-42 and T-46.

mod cluster;
mod members;
pub(crate) mod owner;
mod recover;
mod street;
mod transfer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_store::log::Log;
use openraft::async_runtime::watch::WatchReceiver;
use tempfile::TempDir;

use crate::{Alone, Error, Handle, Lane, Leadership, Options, Outcome, ReadError, Refused, Role};
use owner::{Image, State, open_log};

pub(crate) struct Node {
    pub handle: Handle,
    pub state: Arc<State>,
    pub log: Arc<Log>,
}

fn options() -> Options {
    // Purging is asked for, never timed, and takes all it may.
    Options { keep_bytes: 0, keep_age: Duration::ZERO, ..Options::new(1) }
}

async fn begin(directory: &Path, image: Image, options: Options) -> Result<Node, Error> {
    let (log, state) = (open_log(directory), State::of(image));
    let owner = state.owner(None);
    let handle = crate::start(options, log.clone(), state.clone(), owner, Arc::new(Alone)).await?;
    Ok(Node { handle, state, log })
}

impl Node {
    async fn first(directory: &Path) -> Node {
        let node = begin(directory, Image::default(), options()).await.unwrap();
        assert!(node.handle.initialize_single("one", "127.0.0.1:8946").await.unwrap());
        node.lead().await;
        node
    }

    async fn lead(&self) -> Leadership {
        let mut leadership = self.handle.leadership();
        leadership.wait_for(Leadership::is_leader).await.unwrap().clone()
    }

    /// Proposes all at once and waits for all.
    async fn propose(&self, range: std::ops::Range<usize>) {
        let ask = |n: usize| self.handle.try_propose(Lane::Api, text(n)).unwrap();
        let proposals: Vec<_> = range.map(ask).collect();
        let mut last = 0;
        for proposal in proposals {
            let Outcome::Committed { index } = proposal.await else { panic!("not committed") };
            assert!(index > last);
            last = index;
        }
    }

    async fn stop(self) {
        self.handle.shutdown().await;
        assert_eq!(*self.handle.leadership().borrow(), Leadership::Stopped);
        assert_eq!(Arc::strong_count(&self.log), 3, "only handle, its retention and test hold it");
    }

    fn term(&self) -> u64 {
        self.handle.raft().metrics().borrow_watched().current_term
    }
}

fn text(n: usize) -> Bytes {
    // Long enough for the log to tell ranges by size.
    Bytes::from(format!("{n:0200}"))
}

fn texts(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("{n:0200}")).collect()
}

/// Waits until a dropped handle's thread has let go of the log.
fn wait_for_release(log: &Arc<Log>) {
    while Arc::strong_count(log) > 1 {
        std::thread::yield_now();
    }
}

async fn check_replay(kept: impl Fn(Image, Image) -> Image) {
    let directory = TempDir::new().unwrap();
    let node = Node::first(directory.path()).await;
    node.propose(0..500).await;
    let half = node.state.image();
    node.propose(500..1000).await;
    let full = node.state.image();
    node.stop().await;

    let kept = kept(half, full.clone());
    let node = begin(directory.path(), kept, options()).await.unwrap();
    // What was committed is applied again before the start is over.
    assert_eq!(node.state.image().entries, full.entries);
    node.lead().await;
    node.propose(1000..1001).await;
    assert_eq!(node.state.texts(), texts(0..1001));
}

#[tokio::test]
async fn a_state_that_kept_up_gets_nothing_twice() {
    check_replay(|_, full| full).await;
}

#[tokio::test]
async fn a_state_that_lost_its_tail_gets_the_tail() {
    check_replay(|half, _| half).await;
}

#[tokio::test]
async fn a_state_without_rows_is_rebuilt_from_the_log() {
    check_replay(|_, _| Image::default()).await;
}

#[tokio::test]
async fn a_purged_log_starts_from_the_synced_state_only() {
    let directory = TempDir::new().unwrap();
    let node = Node::first(directory.path()).await;
    node.propose(0..100).await;
    let old = node.state.image();
    node.propose(100..2000).await;
    let before = node.handle.metrics().log_bytes;
    let upto = node.handle.snapshot_and_purge().await.unwrap().expect("there is enough to purge");
    assert!(upto > old.entries.last().unwrap().0);
    assert_eq!(node.handle.metrics().purged_index, Some(upto));
    assert!(node.handle.metrics().log_bytes < before);
    assert_eq!(node.handle.snapshot_and_purge().await.unwrap(), None);
    node.propose(2000..2100).await;
    let synced = node.state.image();
    let last = synced.entries.last().unwrap().0;
    assert_eq!(crate::applied_index(synced.marker.as_ref().unwrap()).unwrap(), Some(last));
    node.stop().await;

    let Err(refused) = begin(directory.path(), old, options()).await else {
        panic!("a state older than the log's start was taken")
    };
    let Error::Start { source } = refused else { panic!("{refused}") };
    let reason = crate::error::chain(source.as_ref());
    assert!(reason.contains("Cannot re-apply logs"), "{reason}");

    let node = begin(directory.path(), synced, options()).await.unwrap();
    node.lead().await;
    node.propose(2100..2101).await;
    assert_eq!(node.state.texts(), texts(0..2101));
}

#[tokio::test]
async fn nothing_is_purged_that_the_policy_keeps() {
    let directory = TempDir::new().unwrap();
    let node = Node::first(directory.path()).await;
    node.propose(0..2000).await;
    let image = node.state.image();
    node.stop().await;
    let keeping = Options { keep_bytes: 0, keep_age: Duration::from_secs(3600), ..options() };
    let node = begin(directory.path(), image, keeping).await.unwrap();
    node.lead().await;
    assert_eq!(node.handle.snapshot_and_purge().await.unwrap(), None);
}

#[tokio::test]
async fn a_kill_in_the_middle_keeps_what_was_acknowledged() {
    let directory = TempDir::new().unwrap();
    let node = Node::first(directory.path()).await;
    let (acknowledged, acks) = std::sync::mpsc::channel();
    for n in 0..3000 {
        let acknowledged = acknowledged.clone();
        let noted = move |outcome: Outcome| {
            if matches!(outcome, Outcome::Committed { .. }) {
                let _ = acknowledged.send(n);
            }
        };
        node.handle.try_propose_with(Lane::Api, text(n), noted).unwrap();
    }
    drop(acknowledged);
    // Some are through, the others are anywhere on their way.
    let first: Vec<usize> = acks.iter().take(50).collect();
    let Node { handle, state, log } = node;
    drop(handle);
    wait_for_release(&log);
    let acknowledged: Vec<usize> = first.into_iter().chain(acks.iter()).collect();
    drop((log, state));

    let node = begin(directory.path(), Image::default(), options()).await.unwrap();
    node.lead().await;
    node.propose(3000..3001).await;
    let mut found = node.state.texts();
    assert_eq!(found.pop(), texts(3000..3001).pop());
    // In order and without a gap, so a count tells all.
    assert_eq!(found, texts(0..found.len()));
    assert!(acknowledged.len() <= found.len());
    assert_eq!(acknowledged, (0..acknowledged.len()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_restarted_leader_is_elected_anew() {
    let directory = TempDir::new().unwrap();
    let node = Node::first(directory.path()).await;
    let (before, image) = (node.term(), node.state.image());
    assert!(!node.handle.initialize_single("one", "elsewhere").await.unwrap());
    let peer = node.handle.metrics().leader.unwrap();
    assert_eq!((peer.id, peer.address.as_str()), (1, "127.0.0.1:8946"));
    node.stop().await;
    let node = begin(directory.path(), image, options()).await.unwrap();
    assert!(matches!(node.lead().await, Leadership::Leader { .. }));
    assert!(node.term() > before, "it led again in the same term");
    assert_eq!(node.handle.metrics().role, Role::Leader);
}

#[tokio::test]
async fn a_server_of_no_cluster_leads_nothing() {
    let directory = TempDir::new().unwrap();
    let node = begin(directory.path(), Image::default(), options()).await.unwrap();
    let outcome = node.handle.propose(Lane::Api, text(1)).await.unwrap();
    assert_eq!(outcome, Outcome::NotLeader { hint: None });
    assert_eq!(node.handle.read_index().await, Err(ReadError::NotLeader { hint: None }));
    let seen = node.handle.leadership().borrow().clone();
    assert_eq!(seen, Leadership::Following { leader: None });
}

#[tokio::test]
async fn a_read_index_covers_what_was_acknowledged() {
    let directory = TempDir::new().unwrap();
    let node = Node::first(directory.path()).await;
    let Outcome::Committed { index } = node.handle.propose(Lane::Api, text(1)).await.unwrap()
    else {
        panic!("not committed")
    };
    let reads = (0..100).map(|_| node.handle.read_index());
    for read in futures::future::join_all(reads).await {
        assert!(read.unwrap() >= index);
    }
}

#[tokio::test]
async fn a_slow_owner_fills_the_api_lane_and_leaves_the_conductor_room() {
    let directory = TempDir::new().unwrap();
    let tight = Options { api_slots: 10, conductor_slots: 5, apply_batch_max: 3, ..options() };
    let node = begin(directory.path(), Image::default(), tight).await.unwrap();
    node.handle.initialize_single("one", "127.0.0.1:8946").await.unwrap();
    node.lead().await;
    node.state.set_gate(false);
    let mut open: Vec<_> =
        (0..10).map(|n| node.handle.try_propose(Lane::Api, text(n)).unwrap()).collect();
    assert_eq!(node.handle.try_propose(Lane::Api, text(10)).unwrap_err(), Refused::Busy);
    open.push(node.handle.try_propose(Lane::Conductor, text(10)).unwrap());
    assert_eq!(node.handle.metrics().api.proposals, 10);
    assert!(open.iter_mut().all(|proposal| proposal.try_outcome().is_none()));
    node.state.set_gate(true);
    for outcome in futures::future::join_all(open).await {
        assert!(matches!(outcome, Outcome::Committed { .. }));
    }
    node.propose(11..12).await;
    assert_eq!(node.state.texts(), texts(0..12));
}

#[tokio::test]
async fn an_owner_that_fails_stops_the_replica_and_says_unknown() {
    let directory = TempDir::new().unwrap();
    let (log, state) = (open_log(directory.path()), State::of(Image::default()));
    let owner = state.owner(Some(3));
    let handle = crate::start(options(), log, state.clone(), owner, Arc::new(Alone)).await.unwrap();
    handle.initialize_single("one", "127.0.0.1:8946").await.unwrap();
    let mut leadership = handle.leadership();
    leadership.wait_for(Leadership::is_leader).await.unwrap();
    for n in 0..3 {
        handle.propose(Lane::Api, text(n)).await.unwrap();
    }
    let outcome = handle.propose(Lane::Api, text(3)).await;
    assert!(matches!(outcome, Ok(Outcome::Unknown)), "{outcome:?}");
    leadership.wait_for(|seen| *seen == Leadership::Stopped).await.unwrap();
    let failure = handle.failure().unwrap();
    assert!(failure.contains("the owner of the ledger stopped"), "{failure}");
    assert_eq!(handle.metrics().api.proposals, 0);
    assert_eq!(handle.read_index().await, Err(ReadError::Stopped));
    handle.shutdown().await;
    assert_eq!(handle.try_propose(Lane::Api, text(4)).unwrap_err(), Refused::Stopped);
}

#[tokio::test]
async fn timings_that_do_not_fit_are_refused() {
    let directory = TempDir::new().unwrap();
    let wrong = Options { heartbeat: Duration::from_secs(1), ..options() };
    let Err(refused) = begin(directory.path(), Image::default(), wrong).await else {
        panic!("a heartbeat longer than an election was taken")
    };
    assert!(matches!(refused, Error::Options { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_proposers_share_the_lanes_and_lose_nothing() {
    let directory = TempDir::new().unwrap();
    let tight = Options { api_slots: 32, conductor_slots: 32, ..options() };
    let node = begin(directory.path(), Image::default(), tight).await.unwrap();
    node.handle.initialize_single("one", "127.0.0.1:8946").await.unwrap();
    node.lead().await;
    let one = |handle: Handle, lane| async move {
        let mut committed = 0;
        for n in 0..500 {
            match handle.propose(lane, text(n)).await {
                Ok(Outcome::Committed { .. }) => committed += 1,
                Err(Refused::Busy) => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        }
        committed
    };
    let lanes = [Lane::Api, Lane::Conductor].into_iter().cycle().take(80);
    let asked = lanes.map(|lane| tokio::spawn(one(node.handle.clone(), lane)));
    let committed: usize =
        futures::future::join_all(asked).await.into_iter().map(Result::unwrap).sum();
    assert!(committed >= 64);
    assert_eq!(node.state.image().entries.len(), committed);
    assert_eq!(node.handle.metrics().api.proposals, 0);
}
