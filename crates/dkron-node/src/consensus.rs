//! Messages of consensus on their way between servers: [`Carrier`] sends them, [`register`]
//! answers them. What they say is between `dkron-raft` and itself.
//!
//! ```text
//!   Consensus, a call:     kind u8, message                ─▶  answer
//!   Snapshot, a stream:    message, then rows as frames    ─▶  0, answer | 1, why not
//! ```

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use dkron_raft::{Handle, MessageKind, Parcel, Peer, Transport, TransportError};
use dkron_store::state::State;
use tokio::sync::mpsc;

use crate::cluster::Book;
use crate::rpc::{
    BoxFuture, CallError, Caller, FRAMES_AHEAD, Frames, Lane, Method, Role, Router, Wire,
};
use crate::snapshot::{self, SnapshotRows};

/// How rows of a snapshot become frames and rows again; the owner of the store knows.
pub trait Rows: Send + Sync + 'static {
    /// Sends all rows. Ends quietly when nobody receives any more.
    fn send(self: Arc<Self>, rows: Parcel, to: mpsc::Sender<Bytes>) -> BoxFuture<io::Result<()>>;

    /// Receives all rows, without touching those that are there. Frames that end before the last
    /// row are an error: the sender gave up.
    fn receive(self: Arc<Self>, from: Inbox) -> BoxFuture<io::Result<Parcel>>;
}

/// The rows of this node's store.
pub struct Stored(pub Arc<State>);

impl Rows for Stored {
    fn send(self: Arc<Self>, rows: Parcel, to: mpsc::Sender<Bytes>) -> BoxFuture<io::Result<()>> {
        Box::pin(async move { SnapshotRows::of(rows)?.send(to).await })
    }

    fn receive(self: Arc<Self>, from: Inbox) -> BoxFuture<io::Result<Parcel>> {
        Box::pin(snapshot::receive(Arc::clone(&self.0), from))
    }
}

/// Frames that come in.
pub type Inbox = mpsc::Receiver<Result<Bytes, CallError>>;

/// The way to the other servers.
pub struct Carrier {
    pub wire: Arc<dyn Wire>,
    pub book: Book,
    pub rows: Arc<dyn Rows>,
}

impl Transport for Carrier {
    fn send(
        &self,
        to: &Peer,
        kind: MessageKind,
        message: Bytes,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        let mut question = BytesMut::with_capacity(message.len() + 1);
        question.put_u8(code(kind));
        question.put(message);
        let (target, question) = (self.book.reach(to), question.freeze());
        let answer = self.wire.call(&target, Lane::Control, Method::Consensus, question, patience);
        Box::pin(async move { answer.await.map_err(failure) })
    }

    fn send_snapshot(
        &self,
        to: &Peer,
        message: Bytes,
        rows: Parcel,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, TransportError>> {
        let opened = self.wire.open(&self.book.reach(to), Lane::Bulk, Method::Snapshot, patience);
        let rows_of = Arc::clone(&self.rows);
        let sent = async move {
            let Frames { to, mut from } = opened.await?;
            // Through this future, so that dropping it ends what is being sent.
            let (sender, mut ready) = mpsc::channel(FRAMES_AHEAD);
            let reading = rows_of.send(rows, sender);
            let sending = async move {
                let mut next = Some(message);
                while let Some(frame) = next {
                    if to.send(frame).await.is_err() {
                        return;
                    }
                    next = ready.recv().await;
                }
            };
            let (read, ()) = tokio::join!(reading, sending);
            read.map_err(|err| CallError::NoAnswer(format!("failed to read the rows: {err}")))?;
            let answer = from.recv().await;
            let answer =
                answer.unwrap_or_else(|| Err(CallError::NoAnswer("it did not answer".into())));
            answered(answer?)
        };
        Box::pin(async move {
            let answer = tokio::time::timeout(patience, sent).await;
            let late = |_| Err(CallError::NoAnswer("the snapshot took too long".into()));
            answer.unwrap_or_else(late).map_err(failure)
        })
    }
}

fn failure(err: CallError) -> TransportError {
    match err {
        CallError::NoAnswer(reason) => TransportError::Broken { reason },
        CallError::Unreachable(reason) | CallError::Refused(reason) => {
            TransportError::Unreachable { reason }
        }
    }
}

fn answered(mut frame: Bytes) -> Result<Bytes, CallError> {
    match frame.try_get_u8() {
        Ok(0) => Ok(frame),
        _ => Err(CallError::Refused(String::from_utf8_lossy(&frame).into_owned())),
    }
}

/// Answers other servers. There may be no consensus yet, or none any more: then they hear so.
#[must_use]
pub fn register<F>(router: Router, raft: F, rows: Arc<dyn Rows>) -> Router
where
    F: Fn() -> Option<Handle> + Clone + Send + Sync + 'static,
{
    let messages = raft.clone();
    let router = router.call(Method::Consensus, move |caller, message| {
        let raft = admitted(&caller, &messages);
        async move { receive(raft?, message).await }
    });
    router.stream(Method::Snapshot, move |caller, frames| {
        let (raft, rows) = (admitted(&caller, &raft), Arc::clone(&rows));
        async move { install(raft, rows, frames).await }
    })
}

fn admitted(caller: &Caller, raft: &impl Fn() -> Option<Handle>) -> Result<Handle, String> {
    if caller.role != Role::Server {
        return Err(format!("`{}` is no server", caller.name));
    }
    raft().ok_or_else(|| "consensus is not running here".into())
}

async fn receive(raft: Handle, mut message: Bytes) -> Result<Bytes, String> {
    let code = message.try_get_u8().map_err(|_| "the message is empty")?;
    let kind = kind(code).ok_or_else(|| format!("consensus has no message {code}: upgrade it"))?;
    raft.receive(kind, &message).await.map_err(|err| err.to_string())
}

async fn install(raft: Result<Handle, String>, rows: Arc<dyn Rows>, frames: Frames) {
    let Frames { to, mut from } = frames;
    let installed = async {
        let raft = raft?;
        let message = match from.recv().await {
            Some(Ok(message)) => message,
            _ => return Err("the snapshot ended before it began".into()),
        };
        let received = rows.receive(from).await.map_err(|err| err.to_string())?;
        raft.install(&message, received).await.map_err(|err| err.to_string())
    };
    let (code, body) = match installed.await {
        Ok(answer) => (0, answer),
        Err(reason) => {
            tracing::warn!(reason, "a snapshot of another server was not installed");
            (1, Bytes::from(reason))
        }
    };
    let mut frame = BytesMut::with_capacity(body.len() + 1);
    frame.put_u8(code);
    frame.put(body);
    // Who left does not want to know.
    let _ = to.send(frame.freeze()).await;
}

/// The numbers stand in the traffic: they never change their meaning.
fn code(kind: MessageKind) -> u8 {
    match kind {
        MessageKind::Append => 1,
        MessageKind::Heartbeat => 2,
        MessageKind::Vote => 3,
        MessageKind::PreVote => 4,
        MessageKind::Transfer => 5,
    }
}

fn kind(code: u8) -> Option<MessageKind> {
    use MessageKind::{Append, Heartbeat, PreVote, Transfer, Vote};
    [Append, Heartbeat, Vote, PreVote, Transfer].into_iter().find(|kind| self::code(*kind) == code)
}

#[cfg(test)]
mod tests;
