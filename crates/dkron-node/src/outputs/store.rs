//! Outputs as a server keeps them: in its blob store, and at the other servers. A large output is
//! durable at a majority of the voters before its end enters the log; what this server lacks is
//! fetched from those that have it, once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::{self, Output, limits};
use dkron_store::blob::{Blobs, Digest};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use super::carry::{self, Name, Put};
use super::{Circle, inline};

/// How long a run's end waits for its output to be stored; then only the tail is kept.
pub const STORED: Duration = Duration::from_secs(10);
/// How soon it is tried again.
pub const AGAIN: Duration = Duration::from_millis(200);
/// How long an output is looked for at the other servers.
const FETCHED: Duration = Duration::from_secs(10);
/// LIMIT: KiB of outputs in memory for one purpose; others wait. Two of the largest have room.
const ROOM_KIB: usize = 2 * (carry::MOST / 1024 + 1);
/// LIMIT: outputs that are fetched at a time.
const FETCHES: usize = 8;

/// A cheap clone.
#[derive(Clone)]
pub struct Store {
    blobs: Arc<Blobs>,
    /// None where there are no other servers.
    circle: Option<Circle>,
    fetching: Arc<Fetching>,
}

struct Fetching {
    room: Arc<Semaphore>,
    /// By digest, so that nothing is fetched twice at a time.
    turns: [Mutex<()>; FETCHES],
}

/// Why an output is not kept.
#[derive(Debug)]
pub enum Unkept {
    /// The disk here does not take it.
    Disk(String),
    /// Too few others have it; that may change.
    Others(String),
}

/// Why an output can not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No server has it.
    Nowhere,
    /// A server that may have it does not answer.
    Unreachable(String),
    /// There was no time.
    Late,
}

impl Store {
    pub fn new(blobs: Arc<Blobs>, circle: Circle) -> Store {
        Store { circle: Some(circle), ..Store::alone(blobs) }
    }

    /// Of a server without others.
    pub fn alone(blobs: Arc<Blobs>) -> Store {
        let room = Arc::new(Semaphore::new(ROOM_KIB));
        let fetching = Arc::new(Fetching { room, turns: Default::default() });
        Store { blobs, circle: None, fetching }
    }

    pub fn blobs(&self) -> &Arc<Blobs> {
        &self.blobs
    }

    /// Whether other servers may have what is not here.
    pub fn has_others(&self) -> bool {
        self.circle.is_some()
    }

    /// Room for outputs that are in memory on their way.
    pub(super) fn room() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(ROOM_KIB))
    }

    /// Keeps an output where its size belongs. What can not be stored in time is cut to what the
    /// report can carry.
    pub async fn keep(&self, bytes: Vec<u8>) -> Output {
        if bytes.len() <= limits::INLINE_OUTPUT {
            return inline(bytes);
        }
        let bytes = Bytes::from(bytes);
        let kept = async {
            loop {
                match self.offer(bytes.clone()).await {
                    Err(Unkept::Others(reason)) => {
                        tracing::debug!(%reason, "an output is not stored yet");
                        tokio::time::sleep(AGAIN).await;
                    }
                    kept => return kept,
                }
            }
        };
        match timeout(STORED, kept).await {
            Ok(Ok(name)) => return stored(name),
            Ok(Err(reason)) => {
                tracing::error!(?reason, "an output could not be stored: its tail stays");
            }
            Err(_) => tracing::warn!("an output reached no majority in time: its tail stays"),
        }
        inline(bytes.into())
    }

    /// One try to keep it: it is durable here and at a majority when this returns its name.
    pub async fn offer(&self, bytes: Bytes) -> Result<Name, Unkept> {
        let name = self.put(bytes.clone()).await.map_err(Unkept::Disk)?;
        self.spread(name, bytes, None).await.map_err(Unkept::Others)?;
        Ok(name)
    }

    /// Makes it durable here.
    pub(super) async fn put(&self, bytes: Bytes) -> Result<Name, String> {
        let blobs = Arc::clone(&self.blobs);
        let put = spawn_blocking(move || {
            let digest = blobs.put(&bytes)?;
            blobs.sync().map(|()| Name { digest, len: bytes.len() as u64 })
        });
        let put = put.await.map_err(|err| err.to_string())?;
        put.map_err(|err| err.chain())
    }

    /// Brings what is stored here to the other voters. Ready once a majority has it; the others
    /// get it besides. `room` is given back after the last of them.
    pub(super) async fn spread(
        &self,
        name: Name,
        bytes: Bytes,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<(), String> {
        let Some(circle) = &self.circle else { return Ok(()) };
        let (others, needed) = circle.voters();
        let (told, mut answers) = mpsc::channel(others.len().max(1));
        let room = Arc::new(room);
        for target in others {
            let (wire, told) = (Arc::clone(&circle.wire), told.clone());
            let (bytes, room) = (bytes.clone(), Arc::clone(&room));
            tokio::spawn(async move {
                let put = carry::put(&*wire, &target, name, Put::Store, &bytes);
                let put = timeout(STORED, put).await;
                let answer = match put {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(reason)) => Err(reason.to_string()),
                    Err(_) => Err("nothing came in time".into()),
                };
                drop(room);
                // A majority may have it by now.
                let _ = told.send(answer).await;
            });
        }
        drop(told);
        let (mut have, mut last) = (0, String::new());
        while have < needed {
            match answers.recv().await {
                Some(Ok(())) => have += 1,
                Some(Err(reason)) => last = reason,
                None => return Err(format!("no majority has it: {last}")),
            }
        }
        Ok(())
    }

    /// What is stored here; none also where it is damaged.
    pub(super) async fn here(&self, digest: Digest) -> Option<Vec<u8>> {
        let blobs = Arc::clone(&self.blobs);
        let read = spawn_blocking(move || blobs.get(&digest)).await.ok()?;
        read.unwrap_or_else(|err| {
            tracing::error!(reason = err.chain(), "a stored output can not be read");
            None
        })
    }

    /// Finds an output at the other servers and stores it here, if it is not yet.
    pub async fn fetch(&self, name: Name) -> Result<Vec<u8>, Missing> {
        let fetched = timeout(FETCHED, self.look_around(name)).await;
        fetched.unwrap_or(Err(Missing::Late))
    }

    async fn look_around(&self, name: Name) -> Result<Vec<u8>, Missing> {
        let _turn = self.fetching.turns[usize::from(name.digest.0[0]) % FETCHES].lock().await;
        if let Some(bytes) = self.here(name.digest).await {
            return Ok(bytes);
        }
        let Some(circle) = &self.circle else { return Err(Missing::Nowhere) };
        let room = self.fetching.room.acquire_many(name.kib()).await;
        let _room = room.map_err(|_| Missing::Late)?;
        let mut missing = Missing::Nowhere;
        for target in circle.others() {
            match carry::get(&*circle.wire, &target, name).await {
                Ok(Some(bytes)) => {
                    let bytes = Bytes::from(bytes);
                    // Whoever asked has it all the same.
                    if let Err(reason) = self.put(bytes.clone()).await {
                        tracing::warn!(%reason, "a fetched output could not be stored");
                    }
                    return Ok(bytes.into());
                }
                Ok(None) => {}
                Err(reason) => missing = Missing::Unreachable(reason.to_string()),
            }
        }
        Err(missing)
    }

    /// Whether it is not here, and others may have it.
    pub fn lacks(&self, name: &Name) -> bool {
        self.has_others() && !self.blobs.contains(&name.digest)
    }

    /// Fetches all of these, as far as `patience` goes.
    pub async fn bring(&self, names: Vec<Name>, patience: Duration) {
        let mut fetches = JoinSet::new();
        for name in names {
            let own = self.clone();
            fetches.spawn(async move { own.fetch(name).await.map(drop) });
        }
        let all = async { while fetches.join_next().await.is_some() {} };
        // What was fetched is here for the next who asks.
        let _ = timeout(patience, all).await;
    }

    /// The bytes of an output; a text that says so where they are missing.
    pub async fn read(&self, output: &Output) -> Vec<u8> {
        let Some(name) = name_of(output) else { return self.read_here(output) };
        if let Some(bytes) = self.here(name.digest).await {
            return bytes;
        }
        match self.fetch(name).await {
            Ok(bytes) => bytes,
            Err(Missing::Nowhere) => GONE.to_vec(),
            Err(Missing::Unreachable(_) | Missing::Late) => AWAY.to_vec(),
        }
    }

    /// The same without asking anybody.
    pub fn read_here(&self, output: &Output) -> Vec<u8> {
        let Output::Stored { digest, .. } = output else {
            let Output::Inline(bytes) = output else { return Vec::new() };
            return bytes.to_vec();
        };
        match self.blobs.get(&Digest(digest.0)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) if self.circle.is_some() => AWAY.to_vec(),
            Ok(None) => GONE.to_vec(),
            Err(err) => format!("[... output cannot be read: {} ...]\n", err.chain()).into_bytes(),
        }
    }
}

const GONE: &[u8] = b"[... output is not stored any more ...]\n";
const AWAY: &[u8] = b"[... output is not on this server, and was not fetched in time ...]\n";

/// How a record names an output that is stored.
pub fn stored(name: Name) -> Output {
    Output::Stored { digest: domain::Digest(name.digest.0), len: name.len }
}

/// The name of an output that is stored.
pub fn name_of(output: &Output) -> Option<Name> {
    match output {
        Output::Stored { digest, len } => Some(Name { digest: Digest(digest.0), len: *len }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
