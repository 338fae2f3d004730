//! Members on loopback, and waiting for what they say of each other.
#![allow(dead_code, reason = "each file of tests uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dkron_gossip::{Gossip, Key, Member, Members, Options, Profile, Status};
use tokio::sync::watch;

/// Far beyond what anything takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

pub fn options(id: u64) -> Options {
    let name = format!("node{id}");
    Options {
        id,
        tags: tags(&[("role", "dkron"), ("own", &name)]),
        name,
        bind: loopback(),
        advertise: loopback(),
        profile: Profile::Local,
        key: None,
        reconnect_timeout: Duration::from_secs(3600),
        roster: None,
    }
}

pub async fn start(id: u64) -> Gossip {
    Gossip::start(options(id)).await.unwrap()
}

pub async fn start_with_key(id: u64, key: Option<Key>) -> Gossip {
    Gossip::start(Options { key, ..options(id) }).await.unwrap()
}

/// Waits until a member's view is as described.
pub async fn until(gossip: &Gossip, what: &str, holds: impl Fn(&[Member]) -> bool) -> Members {
    let mut members = gossip.members();
    let seen = tokio::time::timeout(PATIENCE, members.wait_for(|members| holds(members))).await;
    match seen {
        Ok(Ok(members)) => members.clone(),
        Ok(Err(_)) => panic!("stopped before {what}"),
        Err(_) => panic!("{what} did not come: {:?}", gossip.members().borrow()),
    }
}

/// Waits until the others that are seen are exactly these, alive.
pub async fn until_alive(gossip: &Gossip, ids: &[u64]) -> Members {
    until(gossip, &format!("alive: {ids:?}"), |members| {
        let mut seen: Vec<u64> = members.iter().skip(1).map(|member| member.id).collect();
        seen.sort_unstable();
        seen == ids && members.iter().all(|member| member.status == Status::Alive)
    })
    .await
}

pub async fn until_status(gossip: &Gossip, id: u64, status: Status) -> Members {
    until(gossip, &format!("{id} {status:?}"), |members| {
        members.iter().any(|member| member.id == id && member.status == status)
    })
    .await
}

pub async fn until_told(mut conflict: watch::Receiver<Option<String>>) -> String {
    let told = tokio::time::timeout(PATIENCE, conflict.wait_for(Option::is_some)).await;
    told.expect("a conflict is told").unwrap().clone().unwrap()
}

pub fn member(members: &[Member], id: u64) -> &Member {
    members.iter().find(|member| member.id == id).unwrap()
}
