//! Answers that go on: a body that is fed piece by piece at its client's pace, and what ends it
//! from outside.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::Peer;
use super::respond::Answer;

/// After so much silence an event stream shows that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// A client that takes nothing for so long is not waited for.
pub const STALLED: Duration = Duration::from_secs(600);

pub const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Asks proxies to pass on what there is.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What the connection gets: bytes, or the news that the answer breaks off here.
pub type Piece = Result<Bytes, Broken>;

#[derive(Debug, thiserror::Error)]
#[error("the answer breaks off here")]
pub struct Broken;

/// Why nobody is to be served any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    DoorCloses,
    ClientLeft,
}

/// Comes when something outside ends the answer.
pub async fn ended(peer: Option<&Peer>) -> Outside {
    let Some(peer) = peer else { return std::future::pending().await };
    tokio::select! {
        () = peer.door_closes() => Outside::DoorCloses,
        () = peer.leaves() => Outside::ClientLeft,
    }
}

/// The answer whose body comes through `pieces`.
pub fn answer(kind: HeaderValue, pieces: mpsc::Receiver<Piece>) -> Answer {
    let mut answer = Response::new(Body::new(Pieces(pieces)));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    answer
}

/// The pieces as a body; asking for the next makes room for it.
struct Pieces(mpsc::Receiver<Piece>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
