//! A body as pieces that come one after the other, at the reader's pace.

use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::frame::{Frame, parts};

/// LIMIT: pieces that wait for their reader.
const AHEAD: usize = 4;

/// The body breaks off: what came is not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body breaks off here")]
pub struct Broken;

/// The reading end. Dropping it ends the writer's work.
#[derive(Debug)]
pub struct Pieces(mpsc::Receiver<Result<Bytes, Broken>>);

impl Pieces {
    /// A body and who writes it; it is whole once the sender is dropped.
    pub fn channel() -> (mpsc::Sender<Result<Bytes, Broken>>, Pieces) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        (sender, Pieces(receiver))
    }

    pub fn empty() -> Pieces {
        Pieces::channel().1
    }

    pub fn of(bytes: Bytes) -> Pieces {
        let (sender, pieces) = Pieces::channel();
        if !bytes.is_empty() {
            // It has room for one.
            let _ = sender.try_send(Ok(bytes));
        }
        pieces
    }

    /// None: it is whole.
    pub async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        self.0.recv().await
    }

    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        self.0.poll_recv(context)
    }

    /// All of it, if it is not longer than `most` bytes.
    pub async fn collect(mut self, most: usize) -> Result<Bytes, Broken> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await {
            all.extend_from_slice(&piece?);
            if all.len() > most {
                return Err(Broken);
            }
        }
        Ok(all.into())
    }
}

/// How far a body was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Whole,
    /// Its writer broke off.
    Broken,
    /// The other side hears no more; it may have answered.
    Gone,
}

/// Says a body as frames up to its end.
pub(super) async fn say(mut body: Pieces, to: &mpsc::Sender<Bytes>) -> Said {
    while let Some(piece) = body.next().await {
        let Ok(piece) = piece else { return Said::Broken };
        for part in parts(piece) {
            if to.send(Frame::Data(part).encode()).await.is_err() {
                return Said::Gone;
            }
        }
    }
    match to.send(Frame::End.encode()).await {
        Ok(()) => Said::Whole,
        Err(_) => Said::Gone,
    }
}

/// Hears a body said by [`say`], for whoever reads the other end of `pieces`.
pub(super) async fn hear(
    mut from: mpsc::Receiver<Result<Bytes, crate::rpc::CallError>>,
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
) {
    loop {
        let piece = tokio::select! {
            arrived = from.recv() => match Frame::decode(arrived) {
                Ok(Frame::Data(piece)) => Ok(piece),
                Ok(Frame::End) => return,
                Ok(_) | Err(_) => Err(Broken),
            },
            () = pieces.closed() => return,
        };
        let broken = piece.is_err();
        if pieces.send(piece).await.is_err() || broken {
            return;
        }
    }
}
