//! Leadership is handed over: nothing is lost and nobody's patience is waited for.
//! Bears T-02.

use std::time::Duration;

use super::street::{Town, peer};
use super::text;
use crate::{Lane, Options, Outcome, TransferError};

/// With these timings an election by anybody's own timer takes minutes: what happens at once
/// happened by the transfer.
fn patient() -> Options {
    Options {
        heartbeat: Duration::from_millis(50),
        election_min: Duration::from_secs(200),
        election_max: Duration::from_secs(400),
        leader_lease: Duration::from_secs(100),
        quorum_probe: Duration::from_secs(900),
        ..Options::new(0)
    }
}

/// Its first leader is elected by hand for the same reason.
async fn town() -> (Town, u64) {
    let town = Town::with(3, patient()).await;
    let peers: Vec<_> = (1..=3).map(peer).collect();
    assert!(town.handle(1).initialize(&peers).await.unwrap());
    town.handle(1).raft().trigger().elect(false).await.unwrap();
    let leader = town.leader().await;
    (town, leader)
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("somebody's timer ran")
}

#[tokio::test]
async fn a_transfer_loses_no_proposal_and_waits_for_no_election() {
    let (town, leader) = soon(town()).await;
    town.nodes[&leader].propose(0..100).await;
    let open: Vec<_> = (100..600)
        .map(|n| town.handle(leader).try_propose(Lane::Conductor, text(n)).unwrap())
        .collect();
    let next = soon(town.handle(leader).transfer(None)).await.unwrap();
    assert_ne!(next.id, leader);
    assert!(!town.handle(leader).leads_now());
    // Each is committed or, where the machine was too slow for the drain, certainly void.
    let mut committed = 0;
    for outcome in futures::future::join_all(open).await {
        match outcome {
            Outcome::Committed { .. } => committed += 1,
            Outcome::NotLeader { .. } => {}
            Outcome::Unknown => panic!("nobody knows what became of it"),
        }
    }
    let refused = town.handle(leader).propose(Lane::Api, text(0)).await.unwrap();
    assert!(matches!(refused, Outcome::NotLeader { .. }), "{refused:?}");
    assert_eq!(soon(town.leader()).await, next.id);
    let count = 100 + committed;
    town.nodes[&next.id].propose(count..count + 10).await;
    town.check(count + 10);
    // And back again, to a wished one.
    let back = soon(town.handle(next.id).transfer(Some(leader))).await.unwrap();
    assert_eq!(back, peer(leader));
    assert_eq!(soon(town.leader_among(&[leader])).await, leader);
    town.nodes[&leader].propose(count + 10..count + 20).await;
    town.check(count + 20);
}

#[tokio::test]
async fn a_leader_with_nobody_near_stays() {
    let (town, leader) = soon(town()).await;
    let nobody = town.handle(leader).transfer(Some(9)).await;
    assert_eq!(nobody, Err(TransferError::Nobody));
    town.nodes[&leader].propose(0..10).await;
    let follower = leader % 3 + 1;
    assert_eq!(town.handle(follower).transfer(None).await, Err(TransferError::NotLeader));
    let alone = Town::cluster(1).await;
    assert_eq!(alone.handle(1).transfer(None).await, Err(TransferError::Nobody));
    assert!(alone.handle(1).leads_now());
}

/// From the first moment on nothing is done in the name of the old leadership.
#[tokio::test]
async fn who_hands_over_leads_no_more_while_it_drains() {
    let (town, leader) = soon(town()).await;
    town.nodes[&leader].state.set_gate(false);
    let open = town.handle(leader).try_propose(Lane::Api, text(0)).unwrap();
    let handle = town.handle(leader).clone();
    let going = tokio::spawn(async move { handle.transfer(None).await });
    let mut leadership = town.handle(leader).leadership();
    soon(leadership.wait_for(|seen| !seen.is_leader())).await.unwrap();
    let refused = town.handle(leader).propose(Lane::Api, text(1)).await.unwrap();
    assert_eq!(refused, Outcome::NotLeader { hint: None });
    assert!(town.handle(leader).read_index().await.is_err());
    town.nodes[&leader].state.set_gate(true);
    assert!(!matches!(soon(open).await, Outcome::Unknown));
    soon(going).await.unwrap().unwrap();
}
