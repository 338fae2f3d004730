//! Servers join, are promoted, replaced and removed, and come back.
//! Bears T-46 and T-48.

use super::street::{Town, peer, until};
use crate::{Change, ChangeError, Handle, Leadership, Peer};

fn learn(id: u64) -> Change {
    Change::AddLearner { peer: peer(id), replaces: Vec::new() }
}

fn promote(id: u64) -> Change {
    Change::Promote { id, replaces: Vec::new() }
}

fn voters(handle: &Handle) -> Vec<u64> {
    handle.membership().voters().map(|server| server.peer.id).collect()
}

fn lag(handle: &Handle, id: u64) -> Option<u64> {
    let membership = handle.membership();
    Some(membership.last_index? - membership.get(id)?.matched_index?)
}

#[tokio::test]
async fn one_server_becomes_three() {
    let mut town = Town::cluster(1).await;
    town.nodes[&1].propose(0..100).await;
    for id in 2..=3 {
        town.open(id).await;
        town.change(learn(id)).await;
        let leader = town.handle(town.leader().await);
        assert!(!leader.membership().get(id).unwrap().voter);
        until(|| lag(leader, id).is_some_and(|lag| lag == 0)).await;
        town.change(promote(id)).await;
    }
    let first = town.leader().await;
    let leader = town.handle(first);
    assert_eq!(voters(leader), [1, 2, 3]);
    until(|| leader.membership().is_settled).await;
    let other = leader.membership().get(first % 3 + 1).unwrap().clone();
    assert!(other.voter && other.last_contact.is_some());
    town.nodes[&first].propose(100..120).await;
    town.check(120);
    town.kill(first).await;
    let next = town.leader().await;
    town.nodes[&next].propose(120..130).await;
    town.check(130);
}

#[tokio::test]
async fn a_new_server_catches_up_by_snapshot_when_the_log_is_gone() {
    let mut town = Town::cluster(1).await;
    town.nodes[&1].propose(0..2000).await;
    town.handle(1).snapshot_and_purge().await.unwrap().expect("there is enough to purge");
    town.open(2).await;
    town.handle(1).change(learn(2)).await.unwrap();
    town.nodes[&1].propose(2000..2100).await;
    town.check(2100);
    // Its answer may still be on the way.
    until(|| town.street.snapshots() == 1).await;
    town.handle(1).change(promote(2)).await.unwrap();
    town.nodes[&1].propose(2100..2110).await;
    town.check(2110);
}

#[tokio::test]
async fn a_removed_server_comes_back_as_a_learner() {
    let town = Town::cluster(3).await;
    let leader = town.leader().await;
    let gone = leader % 3 + 1;
    let handle = town.handle(leader);
    handle.change(Change::Remove { ids: vec![gone] }).await.unwrap();
    assert_eq!(voters(handle).len(), 2);
    assert_eq!(handle.membership().get(gone), None);
    town.nodes[&leader].propose(0..50).await;
    handle.change(learn(gone)).await.unwrap();
    assert!(!handle.membership().get(gone).unwrap().voter);
    town.nodes[&leader].propose(50..60).await;
    town.check(60);
    assert!(handle.leads_now());
}

#[tokio::test]
async fn a_wiped_server_takes_its_own_place_under_a_new_id() {
    let mut town = Town::cluster(3).await;
    let leader = town.leader().await;
    let wiped = leader % 3 + 1;
    town.nodes[&leader].propose(0..50).await;
    town.kill(wiped).await;
    town.open(7).await;
    let new = Peer { name: peer(wiped).name, ..peer(7) };
    let change = Change::AddLearner { peer: new.clone(), replaces: vec![wiped] };
    town.handle(leader).change(change).await.unwrap();
    let membership = town.handle(leader).membership();
    assert_eq!(membership.get(wiped), None);
    assert_eq!(membership.get(7).map(|server| (&server.peer, server.voter)), Some((&new, false)));
    town.nodes[&leader].propose(50..60).await;
    town.nodes[&7].state.wait_for(60);
    town.handle(leader).change(promote(7)).await.unwrap();
    assert_eq!(voters(town.handle(leader)).len(), 3);
}

#[tokio::test]
async fn a_leader_that_is_removed_stops_and_another_goes_on() {
    let town = Town::cluster(3).await;
    let leader = town.leader().await;
    town.nodes[&leader].propose(0..10).await;
    let mut leadership = town.handle(leader).leadership();
    town.handle(leader).change(Change::Remove { ids: vec![leader] }).await.unwrap();
    leadership.wait_for(|seen| !seen.is_leader()).await.unwrap();
    assert!(town.handle(leader).read_index().await.is_err());
    let rest: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    let next = town.leader_among(&rest).await;
    town.nodes[&next].propose(10..20).await;
    assert_eq!(voters(town.handle(next)), rest);
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let town = Town::cluster(3).await;
    let leader = town.leader().await;
    let handle = town.handle(leader);
    let all = Change::Remove { ids: vec![1, 2, 3] };
    assert_eq!(handle.change(all).await, Err(ChangeError::LastVoter));
    assert_eq!(handle.change(promote(9)).await, Err(ChangeError::UnknownServer(9)));
    let follower = leader % 3 + 1;
    let known = |seen: &Leadership| matches!(seen, Leadership::Following { leader: Some(_) });
    town.handle(follower).leadership().wait_for(known).await.unwrap();
    let refused = town.handle(follower).change(learn(9)).await;
    assert_eq!(refused, Err(ChangeError::NotLeader { hint: Some(peer(leader)) }));
}

#[tokio::test]
async fn a_new_address_is_noted_and_a_change_without_a_quorum_is_unknown() {
    let town = Town::with(
        3,
        crate::Options {
            propose_patience: std::time::Duration::from_secs(3),
            ..crate::Options::new(0)
        },
    )
    .await;
    town.begin(3).await;
    let leader = town.leader().await;
    let handle = town.handle(leader);
    let moved = Peer { address: "10.0.9.9:1".into(), ..peer(2) };
    handle.change(Change::Update { peer: moved.clone() }).await.unwrap();
    assert_eq!(handle.membership().get(2).unwrap().peer, moved);
    handle.change(Change::Settle).await.unwrap();
    (1..=3).for_each(|id| town.street.close(id));
    let unheard = handle.change(learn(4)).await;
    assert!(matches!(unheard, Err(ChangeError::Unknown | ChangeError::NotLeader { .. })));
}
