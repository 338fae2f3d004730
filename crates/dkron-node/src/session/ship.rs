//! Outputs that are too large for a report, on their way to the leader: it stores them before
//! their end is told.
//!
//! ```text
//!   node    digest (32 bytes) | length u64    then the bytes, in frames
//!   server  nothing = it is stored, else why it is not
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::{Digest, Output, limits};
use dkron_exec::BoxFuture;
use dkron_store::blob::Blobs;
use tokio::sync::{Semaphore, watch};

use super::{Linked, PATIENCE};
use crate::outputs::{self, Local, Shipper};
use crate::rpc::{CallError, Frames, Lane, Method, Router, Target, Wire};

/// How long a run's end waits for its output to be stored; then only the tail is kept.
const STORED: Duration = Duration::from_secs(10);
/// How soon it is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// LIMIT: bytes of one frame.
const PIECE: usize = 256 << 10;
/// LIMIT: bytes of one output: what a job may keep, with what is said about it.
const MOST: usize = limits::OUTPUT_BYTES_MOST as usize + (1 << 20);
/// LIMIT: KiB of outputs that a server takes in at a time; more wait.
const ROOM_KIB: usize = 128 << 10;

/// To whoever leads; into the blob store beside it while this server does.
pub struct Remote {
    wire: Arc<dyn Wire>,
    linked: watch::Receiver<Linked>,
    local: Option<Arc<Blobs>>,
}

impl Remote {
    /// `local` is a server's own store; agents have none.
    pub fn new(
        wire: Arc<dyn Wire>,
        linked: watch::Receiver<Linked>,
        local: Option<Arc<Blobs>>,
    ) -> Remote {
        Remote { wire, linked, local }
    }
}

impl Shipper for Remote {
    fn ship(&self, bytes: Vec<u8>) -> BoxFuture<Output> {
        let (wire, linked) = (Arc::clone(&self.wire), self.linked.clone());
        let (local, bytes) = (self.local.clone(), Bytes::from(bytes));
        Box::pin(async move {
            let shipping = ship(wire, linked, local, bytes.clone());
            match tokio::time::timeout(STORED, shipping).await {
                Ok(output) => output,
                Err(_) => {
                    tracing::warn!("an output could not be brought to the leader: its tail stays");
                    outputs::inline(bytes.into())
                }
            }
        })
    }
}

async fn ship(
    wire: Arc<dyn Wire>,
    mut linked: watch::Receiver<Linked>,
    local: Option<Arc<Blobs>>,
    bytes: Bytes,
) -> Output {
    let hashed = bytes.clone();
    let hash = tokio::task::spawn_blocking(move || *blake3::hash(&hashed).as_bytes());
    let Ok(digest) = hash.await else { return outputs::inline(bytes.into()) };
    let output = Output::Stored { digest: Digest(digest), len: bytes.len() as u64 };
    loop {
        let leader = linked.borrow_and_update().clone();
        match (leader, &local) {
            (Linked::Own, Some(blobs)) => return Local(Arc::clone(blobs)).ship(bytes.into()).await,
            (Linked::Leader(leader), _) => match put(&*wire, &leader, digest, &bytes).await {
                Ok(()) => return output,
                Err(reason) => tracing::debug!(%reason, "an output is not stored yet"),
            },
            _ => {}
        }
        // The sender is gone at the end of the node only.
        let _ = tokio::time::timeout(AGAIN, linked.changed()).await;
    }
}

async fn put(
    wire: &dyn Wire,
    leader: &Target,
    digest: [u8; 32],
    bytes: &Bytes,
) -> Result<(), CallError> {
    let mut frames = wire.open(leader, Lane::Bulk, Method::PutOutput, PATIENCE).await?;
    let mut head = digest.to_vec();
    head.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    let gone = || CallError::NoAnswer("the stream ended".into());
    let mut pieces = vec![Bytes::from(head)];
    pieces.extend((0..bytes.len()).step_by(PIECE).map(|from| {
        let to = bytes.len().min(from + PIECE);
        bytes.slice(from..to)
    }));
    for piece in pieces {
        if frames.to.send(piece).await.is_err() {
            // It may have said why before it left.
            break;
        }
    }
    let answer = frames.from.recv().await.ok_or_else(gone)??;
    if answer.is_empty() {
        return Ok(());
    }
    Err(CallError::Refused(String::from_utf8_lossy(&answer).into_owned()))
}

/// Takes in outputs of other nodes.
#[must_use]
pub fn store_outputs(router: Router, blobs: Arc<Blobs>) -> Router {
    let room = Arc::new(Semaphore::new(ROOM_KIB));
    router.stream(Method::PutOutput, move |_, frames| {
        let (blobs, room) = (Arc::clone(&blobs), Arc::clone(&room));
        async move {
            let Frames { to, from } = frames;
            let answer = match take(from, blobs, &room).await {
                Ok(()) => Bytes::new(),
                Err(reason) => Bytes::from(reason),
            };
            // Who has left tries again.
            let _ = to.send(answer).await;
        }
    })
}

async fn take(
    mut from: tokio::sync::mpsc::Receiver<Result<Bytes, CallError>>,
    blobs: Arc<Blobs>,
    room: &Semaphore,
) -> Result<(), String> {
    let mut next = async || match tokio::time::timeout(STORED, from.recv()).await {
        Ok(Some(Ok(frame))) => Ok(frame),
        _ => Err("the output ended before its end".to_owned()),
    };
    let head = next().await?;
    let (digest, rest) = head.split_first_chunk::<32>().ok_or("the head is cut short")?;
    let len = <[u8; 8]>::try_from(rest).map_err(|_| "the head has another length")?;
    let len = usize::try_from(u64::from_be_bytes(len)).unwrap_or(usize::MAX);
    if len > MOST {
        return Err(format!("an output has at most {MOST} bytes, not {len}"));
    }
    let kib = u32::try_from(len / 1024 + 1).unwrap_or(u32::MAX);
    let _taken = room.acquire_many(kib).await.map_err(|_| "this server ends")?;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        bytes.extend_from_slice(&next().await?);
    }
    if bytes.len() != len || blake3::hash(&bytes).as_bytes() != digest {
        return Err("the output is not what was announced".into());
    }
    let stored = tokio::task::spawn_blocking(move || {
        blobs.put(&bytes).and_then(|digest| blobs.sync().map(|()| digest))
    });
    match stored.await {
        Ok(Ok(stored)) if stored.0 == *digest => Ok(()),
        Ok(Ok(_)) => Err("the store names it by another digest".into()),
        Ok(Err(err)) => Err(err.chain()),
        Err(_) => Err("the store broke down".into()),
    }
}
