//! One stream at the leader: news of the node for the conductor, orders of the conductor for the
//! node, as many as wait in one frame.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::NodeName;
use dkron_core::worker::{Order, ToNode};
use dkron_wire::session::{decode_news, encode_order};
use tokio::sync::{Semaphore, mpsc};

use super::lent::Lent;
use super::serve::{Sessions, Talk};
use super::{INLINE, frames};
use crate::event::Event;
use crate::rpc::{CallError, Frames};

/// LIMIT: bytes of news of one node that the conductor has not looked at; then its stream waits.
const ROOM: usize = 256 << 10;
/// A node beats each second: one that says nothing for so long has left without a word.
const SILENCE: Duration = Duration::from_secs(10);

/// Carries messages both ways until one side has enough; the answer says why.
pub async fn talk(
    sessions: &Sessions,
    way: Frames,
    talk: Talk,
    events: &mpsc::UnboundedSender<Event>,
) -> &'static str {
    let Frames { to, from } = way;
    let (name, lent) = ((&talk.node, talk.no), &sessions.inner.lent);
    tokio::select! {
        biased;
        reason = listen(sessions, from, name, talk.version, events) => reason,
        () = frames::pump(to, talk.orders, |frame, order| encode(lent, frame, order)) => {
            "it does not listen"
        }
    }
}

async fn listen(
    sessions: &Sessions,
    mut from: mpsc::Receiver<Result<Bytes, CallError>>,
    talk: (&NodeName, u64),
    version: u32,
    events: &mpsc::UnboundedSender<Event>,
) -> &'static str {
    let room = Arc::new(Semaphore::new(ROOM));
    loop {
        let frame = match tokio::time::timeout(SILENCE, from.recv()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return "the way broke",
            Ok(None) => return "it has left",
            Err(_) => return "it says nothing",
        };
        let messages = match decode_news(version, &frame) {
            Ok(messages) => messages,
            Err(reason) => {
                tracing::warn!(node = %talk.0, %reason, "a node can not be understood");
                return "it can not be understood";
            }
        };
        let most = u32::try_from(frame.len().clamp(1, ROOM)).unwrap_or(1);
        let Ok(taken) = Arc::clone(&room).acquire_many_owned(most).await else { return "closed" };
        if let Err(reason) = sessions.inner.forward(talk, messages, taken, events) {
            return reason;
        }
    }
}

/// A long definition stays behind.
fn encode(lent: &Lent, frame: &mut Vec<u8>, message: &ToNode) {
    let Order::Run(run) = &message.body else { return encode_order(frame, message, None) };
    if let Some(digest) = lent.known(run) {
        return encode_order(frame, message, Some(digest));
    }
    let before = frame.len();
    encode_order(frame, message, None);
    if frame.len() - before > INLINE {
        frame.truncate(before);
        encode_order(frame, message, Some(lent.lend(run)));
    }
}
