//! Members that look for each other.

use std::time::Duration;

use super::*;
use crate::discover::parse;
use crate::discover::tests::SrvServer;
use crate::options::Options;

#[path = "../../tests/pool/mod.rs"]
mod pool;

use pool::*;

const INTERVAL: Duration = Duration::from_millis(100);

fn look(gossip: &Gossip, names: &Names, entries: &[&str]) -> tokio::task::JoinHandle<()> {
    let entries = entries.iter().map(|entry| parse(entry).unwrap()).collect();
    let (gossip, names) = (gossip.clone(), names.clone());
    tokio::spawn(async move {
        retry_join_with(&names, &gossip, entries, INTERVAL, None).await.unwrap();
    })
}

#[tokio::test]
async fn all_come_back_under_new_addresses_and_find_each_other_by_name() {
    let server = SrvServer::start().await;
    let names = server.names();
    let mut before = Vec::new();
    for round in 0..2 {
        let members = [start(1).await, start(2).await, start(3).await];
        let ports: Vec<u16> = members.iter().map(|gossip| gossip.local_addr().port()).collect();
        assert_ne!(ports, before, "round {round}");
        server.say(&ports);
        let looking = members.each_ref().map(|gossip| look(gossip, &names, &["_d._tcp.example"]));
        for (gossip, others) in members.iter().zip([[2, 3], [1, 3], [1, 2]]) {
            until_alive(gossip, &others).await;
        }
        looking.iter().for_each(tokio::task::JoinHandle::abort);
        before = ports;
    }
}

#[tokio::test]
async fn whoever_is_left_alone_looks_again() {
    let server = SrvServer::start().await;
    let (a, b) = (start(1).await, start(2).await);
    server.say(&[b.local_addr().port()]);
    let _looking = look(&a, &server.names(), &["_d._tcp.example"]);
    until_alive(&a, &[2]).await;
    drop(b);
    until_status(&a, 2, Status::Failed).await;
    // Back elsewhere, and it dials nobody itself.
    let b = start(2).await;
    server.say(&[b.local_addr().port()]);
    let seen = until_alive(&a, &[2]).await;
    assert_eq!(seen[1].address, b.local_addr());
}

#[tokio::test]
async fn the_last_roster_is_dialled_without_any_entry() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roster");
    let with_roster = || Options { roster: Some(path.clone()), ..options(2) };
    let a = start(1).await;
    let b = Gossip::start(with_roster()).await.unwrap();
    b.join(&[a.local_addr()]).await.unwrap();
    let written = async {
        while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains("node1")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.expect("the roster is written");
    b.leave().await;
    until_status(&a, 2, Status::Left).await;
    let b = Gossip::start(with_roster()).await.unwrap();
    assert_eq!(b.remembered(), [a.local_addr()]);
    let _looking = look(&b, &Names::System, &[]);
    until_alive(&b, &[1]).await;
    until_alive(&a, &[2]).await;
}

#[tokio::test]
async fn bounded_tries_end_with_a_text_and_leaving_ends_without() {
    let gone = start(2).await;
    let address = gone.local_addr();
    gone.leave().await;
    let a = start(1).await;
    let entries = || vec![parse(&address.to_string()).unwrap()];
    let ended = retry_join(&a, entries(), Duration::from_millis(10), Some(2)).await;
    let text = ended.unwrap_err().to_string();
    assert!(text.contains("3 tries (retry-max)") && text.contains(&address.to_string()), "{text}");
    let looking = look(&a, &Names::System, &[&address.to_string()]);
    a.leave().await;
    looking.await.unwrap();
}

#[tokio::test]
async fn the_first_of_a_cluster_finds_only_itself_and_does_not_give_up() {
    let a = start(1).await;
    let own = parse(&a.local_addr().to_string()).unwrap();
    let looking = a.clone();
    let mut ended = tokio::spawn(async move {
        retry_join(&looking, vec![own], Duration::from_millis(10), Some(0)).await
    });
    let b = start(2).await;
    b.join(&[a.local_addr()]).await.unwrap();
    until_alive(&a, &[2]).await;
    a.leave().await;
    assert!((&mut ended).await.unwrap().is_ok());
}

#[test]
fn pauses_grow_to_the_interval_and_are_short_after_a_loss() {
    let seconds = |seeker: &mut Seeker, tries: usize| -> Vec<u64> {
        (0..tries).map(|_| seeker.pause().as_secs()).collect()
    };
    let interval = Duration::from_secs(30);
    let mut seeker = Seeker { interval, max: None, tries: 0, joined: false };
    assert_eq!(seconds(&mut seeker, 7), [1, 2, 4, 8, 16, 30, 30]);
    seeker.found(1);
    seeker.tries = 0;
    assert_eq!(seconds(&mut seeker, 5), [1, 2, 4, 5, 5]);
    let mut bounded = Seeker { interval, max: Some(3), tries: 0, joined: false };
    assert_eq!(seconds(&mut bounded, 2), [30, 30]);
}
