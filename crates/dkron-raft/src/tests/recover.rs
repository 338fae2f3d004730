//! A majority is lost for ever, and what is left goes on with everything that was acknowledged.
//! Bears T-43.

use super::owner::{Image, open_log};
use super::street::{Town, peer};
use super::texts;
use crate::recover::{RecoverError, Recovered, leave_out, recover, stored_command, stored_members};
use crate::{Change, Peer};

/// Forces a stopped server to these voters.
async fn force(town: &Town, id: u64, image: &Image, voters: &[u64]) -> Recovered {
    let (path, marker) = (town.directory(id).to_path_buf(), image.marker.clone());
    let voters: Vec<Peer> = voters.iter().map(|id| peer(*id)).collect();
    let forced = tokio::task::spawn_blocking(move || {
        let log = open_log(&path);
        let members = stored_members(&log, marker.as_ref()).unwrap();
        assert!(members.contains(&peer(id)));
        recover(id, &log, marker.as_ref(), &voters, &[])
    });
    forced.await.unwrap().unwrap()
}

/// What a second recovery says of the same server: the first one's list is what it finds.
fn kept_again(kept: &Recovered, id: u64) -> Recovered {
    assert_eq!(kept.before.len(), 3);
    assert!(kept.before.contains(&peer(id)));
    kept.clone()
}

#[tokio::test]
async fn the_last_of_three_keeps_everything_and_takes_new_servers_in() {
    let mut town = Town::cluster(3).await;
    let leader = town.leader().await;
    town.nodes[&leader].propose(0..500).await;
    town.check(500);
    let left = leader % 3 + 1;
    for id in (1..=3).filter(|id| *id != left) {
        town.kill(id).await;
    }
    let image = town.kill(left).await;
    let last = image.entries.last().unwrap().0;
    let kept = force(&town, left, &image, &[left]).await;
    assert!(kept.last_index >= last);
    assert_eq!(kept.before.len(), 3);
    // Twice does no harm.
    assert_eq!(kept.generation, 1);
    assert_eq!(force(&town, left, &image, &[left]).await, kept_again(&kept, left));

    town.start(left, image).await;
    assert_eq!(town.leader().await, left);
    town.nodes[&left].propose(500..510).await;
    for id in [11, 12] {
        town.open(id).await;
        town.change(Change::AddLearner { peer: peer(id), replaces: Vec::new() }).await;
        town.nodes[&id].state.wait_for(510);
        town.change(Change::Promote { id, replaces: Vec::new() }).await;
    }
    town.nodes[&town.leader().await].propose(510..520).await;
    town.check(520);
    town.kill(left).await;
    let next = town.leader().await;
    town.nodes[&next].propose(520..530).await;
    town.check(530);
}

/// The rows were lost with the machine's power, the log was not: nothing is lost.
#[tokio::test]
async fn entries_that_were_not_applied_are_kept() {
    let mut town = Town::cluster(3).await;
    let leader = town.leader().await;
    town.nodes[&leader].propose(0..300).await;
    town.check(300);
    for id in 1..=3 {
        town.kill(id).await;
    }
    let kept = force(&town, leader, &Image::default(), &[leader]).await;
    assert_eq!(kept.applied_index, 0);
    town.start(leader, Image::default()).await;
    town.leader().await;
    town.nodes[&leader].propose(300..301).await;
    assert_eq!(town.nodes[&leader].state.texts(), texts(0..301));
}

/// Two of five are left, one of which missed the last entries: with one list for both they go on
/// with the longer log.
#[tokio::test]
async fn of_two_that_are_left_the_one_that_knows_more_leads() {
    let mut town = Town::cluster(5).await;
    let leader = town.leader().await;
    let behind = leader % 5 + 1;
    let rest: Vec<u64> = (1..=5).filter(|id| *id != behind).collect();
    town.nodes[&leader].propose(0..100).await;
    town.check(100);
    town.street.part(&[behind], &rest);
    town.nodes[&leader].propose(100..200).await;
    let mut images = std::collections::BTreeMap::new();
    for id in 1..=5 {
        images.insert(id, town.kill(id).await);
    }
    town.street.heal();
    for id in [leader, behind] {
        force(&town, id, &images[&id], &[leader, behind]).await;
    }
    for id in [behind, leader] {
        town.start(id, images[&id].clone()).await;
    }
    assert_eq!(town.leader().await, leader);
    town.nodes[&leader].propose(200..210).await;
    town.check(210);
}

/// No server survives one entry: without it everything else is there, also for those that join.
#[tokio::test]
async fn an_entry_can_be_left_out() {
    let mut town = Town::cluster(3).await;
    let leader = town.leader().await;
    town.nodes[&leader].propose(0..10).await;
    town.check(10);
    let mut image = town.kill(leader).await;
    for id in (1..=3).filter(|id| *id != leader) {
        town.kill(id).await;
    }
    let (index, bad) = image.entries[7].clone();
    // As if the rows of nothing had been stored.
    let applied = std::mem::take(&mut image);
    let path = town.directory(leader).to_path_buf();
    let left_out = tokio::task::spawn_blocking(move || {
        let (log, marker) = (open_log(&path), applied.marker.as_ref());
        assert_eq!(stored_command(&log, None, index).unwrap(), Some(bad));
        let stored = stored_command(&log, marker, index).unwrap_err().to_string();
        assert!(stored.contains("is applied and stored"), "{stored}");
        let beyond = stored_command(&log, None, 999).unwrap_err().to_string();
        assert!(beyond.contains("the log has no entry 999"), "{beyond}");
        assert!(matches!(leave_out(&log, None, 0), Err(RecoverError::Members { index: 0 })));
        recover(leader, &log, None, &[peer(leader)], &[]).unwrap();
        leave_out(&log, None, index).unwrap();
        assert_eq!(stored_command(&log, None, index).unwrap(), None);
        leave_out(&log, None, index).unwrap();
    });
    left_out.await.unwrap();
    town.start(leader, image).await;
    assert_eq!(town.leader().await, leader);
    town.nodes[&leader].propose(10..12).await;
    town.open(11).await;
    town.change(Change::AddLearner { peer: peer(11), replaces: Vec::new() }).await;
    let wanted: Vec<String> = texts(0..7).into_iter().chain(texts(8..12)).collect();
    for id in [leader, 11] {
        town.nodes[&id].state.wait_for(11);
        assert_eq!(town.nodes[&id].state.texts(), wanted);
    }
}

#[tokio::test]
async fn what_cannot_be_recovered_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let log = open_log(directory.path());
    let forced = |voters: &[Peer]| recover(1, &log, None, voters, &[]);
    assert!(matches!(forced(&[peer(1)]), Err(RecoverError::Empty)));
    assert!(matches!(forced(&[]), Err(RecoverError::NoVoter)));
    assert!(matches!(forced(&[peer(2)]), Err(RecoverError::NotAmong)));
}
