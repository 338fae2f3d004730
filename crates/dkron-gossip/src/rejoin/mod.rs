//! Looking for the others, at the start and whenever they are gone.
//!
//! All nodes may come back under new addresses at once: the names in `retry-join` are looked up
//! anew at each try, and the addresses of the last roster are dialled beside them.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::discover::{Announcement, Entry, Names};
use crate::error::Error;
use crate::gossip::Gossip;
use crate::member::{Members, Status};

/// First pause after a try in vain; it doubles until the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause once there were others.
const PAUSE_AFTER_LOSS: Duration = Duration::from_secs(5);
/// While others are there, entries that lead to none of them are tried so often: two halves of a
/// cluster that found each other apart become one.
const SECOND_LOOK: Duration = Duration::from_secs(30);

/// Joins the members that the entries name and those of the last roster, now and whenever no other
/// member is alive. Runs until this node leaves (`Ok`).
///
/// With `max` the first success has to come within `max` tries after the first, `interval` apart;
/// otherwise the error says what the last one met. Without it the pause between two tries grows
/// from a second to `interval`. Once somebody was joined it tries for ever, with pauses of at most
/// five seconds.
pub async fn retry_join(
    gossip: &Gossip,
    entries: Vec<Entry>,
    interval: Duration,
    max: Option<u32>,
) -> Result<(), Error> {
    retry_join_with(&Names::System, gossip, entries, interval, max).await
}

pub(crate) async fn retry_join_with(
    names: &Names,
    gossip: &Gossip,
    entries: Vec<Entry>,
    interval: Duration,
    max: Option<u32>,
) -> Result<(), Error> {
    let own = gossip.advertised();
    let announced = entries.iter().filter_map(|entry| entry.announce(gossip.id(), own));
    let _announced: Vec<Announcement> = announced.collect();
    let mut members = gossip.members();
    let mut seeker = Seeker { interval, max, tries: 0, joined: false };
    loop {
        let pause = if others(&members).is_empty() {
            match seek(names, gossip, &entries).await {
                Ok(others) => seeker.found(others),
                Err(Error::Stopped) => return Ok(()),
                Err(_) if entries.is_empty() => seeker.pause(),
                Err(error) => seeker.failed(error)?,
            }
        } else {
            seeker.found(1);
            look_again(names, gossip, &entries).await;
            SECOND_LOOK
        };
        let is_alone = others(&members).is_empty();
        if !wait(&mut members, is_alone, pause).await {
            return Ok(());
        }
    }
}

/// How long to wait, and when to give up.
struct Seeker {
    interval: Duration,
    max: Option<u32>,
    /// In vain, one after another.
    tries: u32,
    /// Whether there ever was somebody else.
    joined: bool,
}

impl Seeker {
    /// Somebody answered; `others` says whether it was more than this node itself.
    fn found(&mut self, others: usize) -> Duration {
        // Only oneself under all the names: the first of a cluster, which is nothing to give up on.
        self.max = None;
        if others > 0 {
            self.joined = true;
            self.tries = 0;
        }
        self.pause()
    }

    fn failed(&mut self, error: Error) -> Result<Duration, Error> {
        match self.max {
            Some(max) if self.tries >= max => {
                Err(Error::GivenUp { tries: self.tries + 1, last: error.to_string() })
            }
            _ => {
                let pause = self.pause();
                tracing::warn!(?pause, "no member was joined: {error}");
                Ok(pause)
            }
        }
    }

    fn pause(&mut self) -> Duration {
        self.tries = self.tries.saturating_add(1);
        let most = if self.joined { PAUSE_AFTER_LOSS } else { self.interval };
        let growing = FIRST_PAUSE.saturating_mul(1 << (self.tries - 1).min(16));
        match self.max {
            Some(_) => self.interval,
            None => growing.min(most).min(self.interval),
        }
    }
}

/// Joins whoever the entries and the roster lead to.
async fn seek(names: &Names, gossip: &Gossip, entries: &[Entry]) -> Result<usize, Error> {
    let (mut addresses, failures) = resolve(names, entries).await;
    addresses.extend(gossip.remembered());
    addresses.sort_unstable();
    addresses.dedup();
    match gossip.join(&addresses).await {
        Ok(others) => {
            if others > 0 {
                tracing::info!(others, "joined");
            }
            Ok(others)
        }
        Err(Error::NobodyThere(met)) => {
            let all: Vec<String> = failures.into_iter().chain([met]).collect();
            let all: Vec<&str> = all.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
            Err(Error::NobodyThere(all.join("; ")))
        }
        Err(error) => Err(error),
    }
}

/// Dials what the entries lead to and what is no live member.
async fn look_again(names: &Names, gossip: &Gossip, entries: &[Entry]) {
    let (mut addresses, _) = resolve(names, entries).await;
    let members = gossip.members();
    let known = others(&members);
    addresses.retain(|address| !known.contains(address) && *address != gossip.advertised());
    if !addresses.is_empty()
        && let Err(error) = gossip.join(&addresses).await
    {
        tracing::debug!("entries of retry-join lead nowhere: {error}");
    }
}

async fn resolve(names: &Names, entries: &[Entry]) -> (Vec<SocketAddr>, Vec<String>) {
    let mut lookups = JoinSet::new();
    for entry in entries {
        let (names, entry) = (names.clone(), entry.clone());
        lookups.spawn(async move { entry.resolve_with(&names).await });
    }
    let (mut addresses, mut failures) = (Vec::new(), Vec::new());
    while let Some(looked_up) = lookups.join_next().await {
        match looked_up {
            Ok(Ok(found)) => addresses.extend(found),
            Ok(Err(error)) => failures.push(error.to_string()),
            Err(error) => failures.push(error.to_string()),
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    (addresses, failures)
}

/// Addresses of the others that are alive.
fn others(members: &watch::Receiver<Members>) -> Vec<SocketAddr> {
    let members = members.borrow();
    let others = members.iter().skip(1).filter(|member| member.status == Status::Alive);
    others.map(|member| member.address).collect()
}

/// Waits for the pause, or until this node is alone no more or is left alone; false once it left.
async fn wait(members: &mut watch::Receiver<Members>, is_alone: bool, pause: Duration) -> bool {
    let changed = async {
        loop {
            if members.changed().await.is_err() {
                return false;
            }
            if others(members).is_empty() != is_alone {
                return true;
            }
        }
    };
    tokio::time::timeout(pause, changed).await.unwrap_or(true)
}
