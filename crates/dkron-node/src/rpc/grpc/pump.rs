//! One direction of a stream: from the socket to whoever reads its frames.

use bytes::Bytes;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use crate::rpc::CallError;

/// Ends with the stream, or with its reader.
pub(super) async fn pump(
    mut stream: Streaming<Bytes>,
    outbox: mpsc::Sender<Result<Bytes, CallError>>,
) {
    loop {
        let next = tokio::select! {
            next = stream.message() => next,
            () = outbox.closed() => return,
        };
        let frame = match next {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => return,
            Err(status) => Err(broke(&status)),
        };
        let was_last = frame.is_err();
        if outbox.send(frame).await.is_err() || was_last {
            return;
        }
    }
}

pub(super) fn broke(status: &Status) -> CallError {
    CallError::NoAnswer(status.message().to_owned())
}
