//! Several servers: leaders lost, halves parted, ways cut.
//! Bears T-01, T-03 and T-08.

use super::street::{Town, peer, until};
use super::{text, texts};
use crate::{Lane, Leadership, Options, Outcome};

#[tokio::test]
async fn three_servers_survive_their_leader_and_catch_up_by_snapshot() {
    let mut town = Town::cluster(3).await;
    let first = town.leader().await;
    town.nodes[&first].propose(0..100).await;
    town.check(100);

    // A follower points at the leader.
    let follower = first % 3 + 1;
    let mut leadership = town.handle(follower).leadership();
    let known = |seen: &Leadership| matches!(seen, Leadership::Following { leader: Some(_) });
    leadership.wait_for(known).await.unwrap();
    let outcome = town.handle(follower).propose(Lane::Api, text(0)).await.unwrap();
    assert_eq!(outcome, Outcome::NotLeader { hint: Some(peer(first)) });

    // Without its leader the rest goes on, and purges what the lost one would need.
    let image = town.kill(first).await;
    let second = town.leader().await;
    town.nodes[&second].propose(100..2000).await;
    assert!(town.handle(second).snapshot_and_purge().await.unwrap().is_some());
    assert_eq!(town.street.snapshots(), 0);

    // While it gets the rows, the others go on deciding.
    town.street.set_slow(true);
    town.start(first, image).await;
    town.nodes[&second].propose(2000..2010).await;
    assert_eq!(town.nodes[&first].state.texts(), texts(0..100));
    town.street.set_slow(false);
    town.nodes[&first].state.wait_for(2010);
    town.nodes[&second].propose(2010..2020).await;
    town.check(2020);
    assert!(town.street.snapshots() > 0);
}

#[tokio::test]
async fn a_leader_without_a_quorum_is_none_and_says_so() {
    let town = Town::cluster(3).await;
    let leader = town.leader().await;
    assert!(town.handle(leader).leads_now());
    let mut leadership = town.handle(leader).leadership();
    (1..=3).for_each(|id| town.street.close(id));
    leadership.wait_for(|seen| !seen.is_leader()).await.unwrap();
    assert!(!town.handle(leader).leads_now());
    assert!(town.handle(leader).read_index().await.is_err());
    until(|| town.handle(leader).broken_links().len() == 2).await;
    // Nothing it is asked can take effect later without being called unknown.
    let outcome = town.handle(leader).propose(Lane::Api, text(0)).await.unwrap();
    assert!(!matches!(outcome, Outcome::Committed { .. }), "{outcome:?}");
}

/// Bears T-14.
#[tokio::test]
async fn the_larger_half_goes_on_and_the_smaller_one_follows_after_the_heal() {
    let town = Town::cluster(5).await;
    let old = town.leader().await;
    town.nodes[&old].propose(0..50).await;
    let other = old % 5 + 1;
    let rest: Vec<u64> = (1..=5).filter(|id| ![old, other].contains(id)).collect();
    let mut leadership = town.handle(old).leadership();
    town.street.part(&[old, other], &rest);
    leadership.wait_for(|seen| !seen.is_leader()).await.unwrap();
    // What it takes now is never acknowledged.
    let doomed = town.handle(old).try_propose(Lane::Api, text(9999));
    let new = town.leader_among(&rest).await;
    town.nodes[&new].propose(50..100).await;
    town.street.heal();
    town.check(100);
    if let Ok(doomed) = doomed {
        assert!(!matches!(doomed.await, Outcome::Committed { .. }));
    }
    town.nodes[&town.leader().await].propose(100..110).await;
    town.check(110);
}

/// A server that hears and is not heard, or the other way round, stops nobody.
#[tokio::test]
async fn ways_cut_in_one_direction_leave_a_leader_that_a_majority_answers() {
    for hears in [true, false] {
        let town = Town::cluster(3).await;
        let leader = town.leader().await;
        town.nodes[&leader].propose(0..10).await;
        for other in (1..=3).filter(|id| *id != leader) {
            if hears {
                town.street.cut(leader, other);
            } else {
                town.street.cut(other, leader);
            }
        }
        let rest: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
        let mut leadership = town.handle(leader).leadership();
        leadership.wait_for(|seen| !seen.is_leader()).await.unwrap();
        let next = town.leader_among(&rest).await;
        town.nodes[&next].propose(10..20).await;
        town.street.heal();
        town.check(20);
    }
}

/// One follower that reaches nobody does not depose a leader when it comes back.
#[tokio::test]
async fn a_server_that_was_away_disturbs_nobody() {
    let town = Town::with(3, Options { multiplier: 4, ..Town::options() }).await;
    town.begin(3).await;
    let leader = town.leader().await;
    let away = leader % 3 + 1;
    let rest: Vec<u64> = (1..=3).filter(|id| *id != away).collect();
    let term = town.nodes[&leader].term();
    town.street.part(&[away], &rest);
    town.nodes[&leader].propose(0..10).await;
    // It asks whether it would be elected, and reaches nobody.
    until(|| town.handle(away).broken_links().len() == 2).await;
    town.street.heal();
    town.check(10);
    assert_eq!(town.nodes[&leader].term(), term);
    assert!(town.handle(leader).leads_now());
}
