//! Stored outputs on their way between nodes.
//!
//! ```text
//!   PutOutput   asks     digest (32 bytes) | length u64 | 1 = bring it to a majority
//!               answers  1 = there is room; then come the bytes
//!                        nothing = it is stored, else why it is not
//!   GetOutput   asks     digest (32 bytes) | length u64
//!               answers  1 and the bytes, or 0 = it is not here
//! ```
//!
//! Bytes follow in frames. None is sent before there is room for all of them, so those who wait
//! cost nothing, and none to a server that has the output already.

use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::limits;
use dkron_store::blob::{BLOB_BYTES_MAX, Digest};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::rpc::{CallError, Frames, Lane, Method, Target, Wire};

/// How long the opening of a stream may take.
const OPENING: Duration = Duration::from_secs(2);
/// How long a frame is waited for.
const FRAME: Duration = Duration::from_secs(5);
/// LIMIT: bytes of one frame.
const PIECE: usize = 256 << 10;
/// LIMIT: bytes of one output: what a job may keep, with what is said about it.
pub const MOST: usize = BLOB_BYTES_MAX;
const _: () =
    assert!(MOST > limits::OUTPUT_BYTES_MOST as usize, "all that a job may keep is stored");

/// There is room for what was announced.
const GO: &[u8] = &[1];

/// Names an output that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    pub digest: Digest,
    pub len: u64,
}

/// What the other side is to do with an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Store it.
    Store,
    /// Store it, and answer once a majority of the voters has it.
    Spread,
}

impl Name {
    /// Takes some time for long ones.
    pub fn of(bytes: &[u8]) -> Name {
        Name { digest: Digest::of(bytes), len: bytes.len() as u64 }
    }

    /// What it takes in memory, in KiB.
    pub fn kib(&self) -> u32 {
        u32::try_from(self.len / 1024 + 1).unwrap_or(u32::MAX)
    }

    fn encode(&self) -> Vec<u8> {
        let mut head = self.digest.0.to_vec();
        head.extend_from_slice(&self.len.to_be_bytes());
        head
    }

    fn decode(head: &[u8]) -> Result<(Name, &[u8]), String> {
        let (digest, rest) = head.split_first_chunk::<32>().ok_or("the head is cut short")?;
        let (len, rest) = rest.split_first_chunk::<8>().ok_or("the head is cut short")?;
        let len = u64::from_be_bytes(*len);
        if len > MOST as u64 {
            return Err(format!("an output has at most {MOST} bytes, not {len}"));
        }
        Ok((Name { digest: Digest(*digest), len }, rest))
    }
}

/// The first frame of `PutOutput`, read.
pub fn put_head(frame: &[u8]) -> Result<(Name, Put), String> {
    match Name::decode(frame)? {
        (name, [0]) => Ok((name, Put::Store)),
        (name, [1]) => Ok((name, Put::Spread)),
        _ => Err("the head has another length".into()),
    }
}

/// The first frame of `GetOutput`, read.
pub fn get_head(frame: &[u8]) -> Result<Name, String> {
    match Name::decode(frame)? {
        (name, []) => Ok(name),
        _ => Err("the head has another length".into()),
    }
}

/// Brings an output to another server; it is durable there when this returns.
pub async fn put(
    wire: &dyn Wire,
    to: &Target,
    name: Name,
    put: Put,
    bytes: &Bytes,
) -> Result<(), CallError> {
    let mut frames = wire.open(to, Lane::Bulk, Method::PutOutput, OPENING).await?;
    let mut head = name.encode();
    head.push(u8::from(put == Put::Spread));
    let gone = || CallError::NoAnswer("the stream ended".into());
    frames.to.send(head.into()).await.map_err(|_| gone())?;
    let mut answer = frames.from.recv().await.ok_or_else(gone)??;
    if answer == GO {
        let last = tokio::select! {
            biased;
            last = frames.from.recv() => last,
            // Whoever leaves before it has everything may have said why.
            _ = send(&frames.to, bytes) => frames.from.recv().await,
        };
        answer = last.ok_or_else(gone)??;
    }
    if answer.is_empty() {
        return Ok(());
    }
    Err(CallError::Refused(String::from_utf8_lossy(&answer).into_owned()))
}

/// Asks another server for an output; none if it is not there.
pub async fn get(wire: &dyn Wire, from: &Target, name: Name) -> Result<Option<Vec<u8>>, CallError> {
    let mut frames = wire.open(from, Lane::Bulk, Method::GetOutput, OPENING).await?;
    let gone = |reason: String| CallError::NoAnswer(reason);
    let asked = frames.to.send(name.encode().into()).await;
    asked.map_err(|_| gone("the stream ended".into()))?;
    match next(&mut frames.from).await.map_err(gone)?.as_ref() {
        [1] => {}
        [0] => return Ok(None),
        _ => return Err(CallError::Refused("another answer than yes or no".into())),
    }
    rest(&mut frames.from, name).await.map(Some).map_err(gone)
}

/// Answers `GetOutput`.
pub async fn give(to: &mpsc::Sender<Bytes>, bytes: Option<Bytes>) {
    // Who has left asks again.
    let _ = match bytes {
        None => to.send(Bytes::from_static(&[0])).await.is_ok(),
        Some(bytes) => go(to).await && send(to, &bytes).await,
    };
}

/// The first frame of a stream.
pub async fn first(frames: &mut Frames) -> Result<Bytes, String> {
    next(&mut frames.from).await
}

/// The bytes of an output, and no others.
pub async fn rest(
    from: &mut mpsc::Receiver<Result<Bytes, CallError>>,
    name: Name,
) -> Result<Vec<u8>, String> {
    let len = usize::try_from(name.len).unwrap_or(MOST);
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        bytes.extend_from_slice(&next(from).await?);
    }
    let checked = tokio::task::spawn_blocking(move || (Name::of(&bytes) == name).then_some(bytes));
    let checked = checked.await.map_err(|err| err.to_string())?;
    checked.ok_or_else(|| "the output is not what was announced".into())
}

/// False if nobody takes it any more.
async fn send(to: &mpsc::Sender<Bytes>, bytes: &Bytes) -> bool {
    for from in (0..bytes.len()).step_by(PIECE) {
        let piece = bytes.slice(from..bytes.len().min(from + PIECE));
        if to.send(piece).await.is_err() {
            return false;
        }
    }
    true
}

/// Says that there is room, or that the bytes follow; false if nobody hears it any more.
pub async fn go(to: &mpsc::Sender<Bytes>) -> bool {
    to.send(Bytes::from_static(GO)).await.is_ok()
}

async fn next(from: &mut mpsc::Receiver<Result<Bytes, CallError>>) -> Result<Bytes, String> {
    match timeout(FRAME, from.recv()).await {
        Ok(Some(Ok(frame))) => Ok(frame),
        Ok(Some(Err(reason))) => Err(reason.to_string()),
        Ok(None) => Err("the output ended before its end".into()),
        Err(_) => Err("the output stopped".into()),
    }
}
