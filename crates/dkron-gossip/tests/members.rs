//! What members see of each other while they come, change, fail and go.

mod pool;

use dkron_gossip::{Error, Gossip, Options, Status};
use pool::*;

#[tokio::test]
async fn three_see_each_other_with_their_tags() {
    let [a, b, c] = [start(1).await, start(2).await, start(3).await];
    assert_eq!(b.join(&[a.local_addr()]).await.unwrap(), 1);
    assert_eq!(b.members().borrow().len(), 2, "who answered is there when join returns");
    assert_eq!(c.join(&[a.local_addr()]).await.unwrap(), 1);
    for (gossip, id, others) in [(&a, 1, [2, 3]), (&b, 2, [1, 3]), (&c, 3, [1, 2])] {
        let members = until_alive(gossip, &others).await;
        assert_eq!(members[0].id, id, "the own node is first");
        for member in members.iter() {
            assert_eq!(member.name, format!("node{}", member.id));
            assert_eq!(member.tags, tags(&[("role", "dkron"), ("own", &member.name)]));
        }
    }
    let seen = until_alive(&b, &[1, 3]).await;
    assert_eq!(member(&seen, 3).address, c.local_addr());
}

#[tokio::test]
async fn changed_tags_are_seen_and_large_ones_too() {
    let [a, b] = [start(1).await, start(2).await];
    b.join(&[a.local_addr()]).await.unwrap();
    until_alive(&b, &[1]).await;
    let large = "x".repeat(2048);
    for value in ["6868", &large, "", "1"] {
        let changed = tags(&[("port", value)]);
        a.set_tags(changed.clone()).await.unwrap();
        until(&b, "changed tags", |members| member(members, 1).tags == changed).await;
        until(&a, "own tags", |members| members[0].tags == changed).await;
    }
}

#[tokio::test]
async fn large_tags_reach_those_who_come_later() {
    let large = tags(&[("large", &"x".repeat(2048))]);
    let a = Gossip::start(Options { tags: large.clone(), ..options(1) }).await.unwrap();
    let [b, c] = [start(2).await, start(3).await];
    b.join(&[a.local_addr()]).await.unwrap();
    c.join(&[b.local_addr()]).await.unwrap();
    for gossip in [&b, &c] {
        until(gossip, "large tags", |members| {
            members.iter().any(|member| member.id == 1 && member.tags == large)
        })
        .await;
    }
}

#[tokio::test]
async fn who_is_killed_has_failed_and_who_says_goodbye_has_left() {
    let [a, b, c] = [start(1).await, start(2).await, start(3).await];
    b.join(&[a.local_addr()]).await.unwrap();
    c.join(&[a.local_addr()]).await.unwrap();
    for (gossip, others) in [(&a, [2, 3]), (&b, [1, 3]), (&c, [1, 2])] {
        until_alive(gossip, &others).await;
    }
    let members = b.members();
    b.leave().await;
    assert_eq!(members.borrow()[0].status, Status::Left);
    assert!(matches!(b.set_tags(tags(&[])).await, Err(Error::Stopped)));
    until_status(&a, 2, Status::Left).await;
    until_status(&c, 2, Status::Left).await;
    drop(c);
    let seen = until_status(&a, 3, Status::Failed).await;
    assert_eq!(member(&seen, 2).status, Status::Left, "it stays so");
    assert_eq!(a.remembered(), [member(&seen, 3).address], "who left is not looked for");
}

#[tokio::test]
async fn who_comes_back_elsewhere_is_one_member() {
    let [a, b] = [start(1).await, start(2).await];
    b.join(&[a.local_addr()]).await.unwrap();
    until_alive(&a, &[2]).await;
    let before = b.local_addr();
    drop(b);
    let b = start(2).await;
    assert_ne!(b.local_addr(), before);
    b.join(&[a.local_addr()]).await.unwrap();
    let seen = until(&a, "the new address", |members| {
        members.len() == 2 && members[1].address == b.local_addr()
    })
    .await;
    assert_eq!(seen[1].status, Status::Alive);
    // Also after it was seen to have failed, and after it left.
    drop(b);
    until_status(&a, 2, Status::Failed).await;
    let b = start(2).await;
    b.join(&[a.local_addr()]).await.unwrap();
    until_alive(&a, &[2]).await;
    b.leave().await;
    until_status(&a, 2, Status::Left).await;
    let b = start(2).await;
    b.join(&[a.local_addr()]).await.unwrap();
    let seen = until_alive(&a, &[2]).await;
    assert_eq!(seen[1].address, b.local_addr());
}

#[tokio::test]
async fn who_comes_back_to_its_address_is_called() {
    let [a, b] = [start(1).await, start(2).await];
    b.join(&[a.local_addr()]).await.unwrap();
    until_alive(&a, &[2]).await;
    let address = b.local_addr();
    drop(b);
    until_status(&a, 2, Status::Failed).await;
    let b = loop {
        // Its sockets are closed once its tasks are gone.
        match Gossip::start(Options { bind: address, ..options(2) }).await {
            Ok(gossip) => break gossip,
            Err(Error::Bind { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    // It joins nobody, and is found.
    until_alive(&a, &[2]).await;
    until_alive(&b, &[1]).await;
}

#[tokio::test]
async fn who_lost_its_data_takes_the_place_of_its_name() {
    let [a, b] = [start(1).await, start(2).await];
    b.join(&[a.local_addr()]).await.unwrap();
    until_alive(&a, &[2]).await;
    drop(b);
    let wiped = Gossip::start(Options { name: "node2".into(), ..options(20) }).await.unwrap();
    wiped.join(&[a.local_addr()]).await.unwrap();
    until_alive(&a, &[20]).await;
    until_alive(&wiped, &[1]).await;
    assert_eq!(*wiped.conflict().borrow(), None);
}

#[tokio::test]
async fn a_live_namesake_is_told_to_the_later_one() {
    let a = start(1).await;
    let b = Gossip::start(Options { name: "node1".into(), ..options(2) }).await.unwrap();
    b.join(&[a.local_addr()]).await.unwrap();
    let told = tokio::select! {
        told = until_told(b.conflict()) => told,
        _ = until_told(a.conflict()) => panic!("the first one is in its right"),
    };
    assert!(told.contains("node1") && told.contains(&a.local_addr().to_string()), "{told}");
    a.leave().await;
    let mut conflict = b.conflict();
    let over = tokio::time::timeout(PATIENCE, conflict.wait_for(Option::is_none)).await;
    assert!(over.is_ok(), "the name is free again");
}

#[tokio::test]
async fn two_with_one_id_are_told() {
    let [a, b, twin] = [start(1).await, start(2).await, start(2).await];
    b.join(&[a.local_addr()]).await.unwrap();
    twin.join(&[a.local_addr()]).await.unwrap();
    let told = tokio::select! {
        told = until_told(b.conflict()) => told,
        told = until_told(twin.conflict()) => told,
    };
    assert!(told.contains("data directory"), "{told}");
}

#[tokio::test]
async fn joining_nobody_is_an_error_and_joining_oneself_is_none() {
    let a = start(1).await;
    let gone = start(2).await;
    let address = gone.local_addr();
    gone.leave().await;
    let error = a.join(&[address]).await.unwrap_err().to_string();
    assert!(error.contains(&address.to_string()), "{error}");
    assert!(a.join(&[]).await.is_err());
    assert_eq!(a.join(&[a.local_addr()]).await.unwrap(), 0);
    assert_eq!(a.join(&[address, a.local_addr()]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_can_not_be_started_says_why() {
    let failure = async |options| Gossip::start(options).await.err().unwrap().to_string();
    let a = start(1).await;
    let taken = failure(Options { bind: a.local_addr(), ..options(2) }).await;
    assert!(taken.contains(&a.local_addr().to_string()), "{taken}");
    let nowhere = "0.0.0.0:0".parse().unwrap();
    let text = failure(Options { advertise: nowhere, ..options(2) }).await;
    assert!(text.contains("advertise-addr"), "{text}");
    let text = failure(Options { name: "x".repeat(256), ..options(2) }).await;
    assert!(text.contains("256"), "{text}");
    let tags = tags(&[("large", &"x".repeat(20_000))]);
    let text = failure(Options { tags: tags.clone(), ..options(2) }).await;
    assert!(text.contains("tags"), "{text}");
    assert!(a.set_tags(tags).await.is_err());
}

/// The whole process of a member stops and goes on, as with SIGSTOP and SIGCONT.
#[tokio::test]
async fn who_was_stopped_comes_back_by_itself() {
    let a = start(1).await;
    let address = a.local_addr();
    let (stopping, stopped) = std::sync::mpsc::channel();
    let (going_on, go_on) = std::sync::mpsc::channel::<()>();
    let (ending, end) = tokio::sync::oneshot::channel::<()>();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let b = start(2).await;
            b.join(&[address]).await.unwrap();
            stopping.send(()).unwrap();
            // Nothing of its runtime moves meanwhile.
            go_on.recv().unwrap();
            until_alive(&b, &[1]).await;
            end.await.unwrap();
        });
    });
    until_alive(&a, &[2]).await;
    tokio::task::spawn_blocking(move || stopped.recv().unwrap()).await.unwrap();
    until_status(&a, 2, Status::Failed).await;
    going_on.send(()).unwrap();
    until_alive(&a, &[2]).await;
    ending.send(()).unwrap();
    tokio::task::spawn_blocking(move || other.join().unwrap()).await.unwrap();
}

#[tokio::test]
async fn forty_find_each_other_through_one() {
    let first = start(1).await;
    let mut members = Vec::new();
    for id in 2..=40 {
        let gossip = start(id).await;
        gossip.join(&[first.local_addr()]).await.unwrap();
        members.push(gossip);
    }
    members.insert(0, first);
    for (at, gossip) in members.iter().enumerate() {
        let others: Vec<u64> = (1..=40).filter(|id| *id != at as u64 + 1).collect();
        until_alive(gossip, &others).await;
    }
}
