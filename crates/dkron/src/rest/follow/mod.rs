//! An output that is followed to its end: as plain text or as server-sent events. Each follower
//! holds two small pieces; it reads at its client's pace, and there are not more than so many.

mod events;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use dkron_core::domain::JobName;
use dkron_node::service::{Error, Follow, Offset, Service};
use hyper::body::Frame;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::Peer;
use super::respond::Answer;
use events::Events;

pub use events::END_ID;

/// Followers at a time on this server; more are sent away.
const FOLLOWERS: usize = 256;
static ROOM: Semaphore = Semaphore::const_new(FOLLOWERS);
/// Bytes of output in one step.
const PIECE: usize = 16 * 1024;
/// After so much silence an event stream shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A client that takes nothing for so long is not waited for.
const STALLED: Duration = Duration::from_secs(600);

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Asks proxies to pass on what there is.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How an output is sent while it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Events,
}

/// Begins to follow; what is wrong with the request is told at once.
pub async fn answer(
    service: &Service,
    (name, id): (&JobName, &str),
    from: Offset,
    form: Form,
    peer: Option<&Peer>,
) -> Result<Answer, Error> {
    let place = ROOM.try_acquire().map_err(|_| Error::Busy)?;
    let follow = service.follow(name.clone(), id.to_owned(), from).await?;
    let (pieces, body) = mpsc::channel(1);
    let sender = Sender { follow, pieces, form, peer: peer.cloned() };
    tokio::spawn(sender.run(place));
    let mut answer = Response::new(Body::new(Pieces(body)));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, if form == Form::Text { PLAIN } else { EVENTS });
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(answer)
}

/// One follower.
struct Sender {
    follow: Follow,
    pieces: mpsc::Sender<Piece>,
    form: Form,
    /// None outside a connection.
    peer: Option<Peer>,
}

/// What the connection gets: bytes, or the news that the text breaks off here.
type Piece = Result<Bytes, Broken>;

#[derive(Debug, thiserror::Error)]
#[error("the output breaks off here")]
struct Broken;

/// What a step brought.
enum Step {
    Send(Bytes),
    Last(Bytes),
    /// It ends before its end.
    Break,
    Gone,
}

/// What ends it from outside: `Break` or `Gone`.
async fn outside(peer: Option<&Peer>) -> Step {
    let Some(peer) = peer else { return std::future::pending().await };
    tokio::select! {
        () = peer.door_closes() => Step::Break,
        () = peer.leaves() => Step::Gone,
    }
}

impl Sender {
    async fn run(mut self, _place: SemaphorePermit<'static>) {
        let mut events = Events::default();
        loop {
            let (bytes, last) = match self.step(&mut events).await {
                Step::Send(bytes) if bytes.is_empty() => continue,
                Step::Send(bytes) => (Ok(bytes), false),
                Step::Last(bytes) => (Ok(bytes), true),
                Step::Break => (Err(Broken), true),
                Step::Gone => return,
            };
            let sent = self.pieces.send_timeout(bytes, STALLED).await;
            if sent.is_err() || last {
                return;
            }
        }
    }

    async fn step(&mut self, events: &mut Events) -> Step {
        let next = tokio::select! {
            next = self.follow.next(PIECE) => next,
            () = self.pieces.closed() => return Step::Gone,
            step = outside(self.peer.as_ref()) => return step,
            () = tokio::time::sleep(HEARTBEAT), if self.form == Form::Events => {
                return Step::Send(Events::heartbeat());
            }
        };
        match (next, self.form) {
            (Ok(Some(piece)), Form::Text) if piece.done => Step::Last(piece.bytes),
            (Ok(Some(piece)), Form::Text) => Step::Send(piece.bytes),
            (Ok(Some(piece)), Form::Events) => {
                let mut text = events.piece(&piece.bytes, piece.next, piece.done);
                if !piece.done {
                    return Step::Send(text.into());
                }
                text.push_str(&Events::end(piece.state));
                Step::Last(text.into())
            }
            (Ok(None), _) => Step::Gone,
            (Err(err), _) => {
                tracing::debug!(%err, "rest: an output can not be followed on");
                Step::Break
            }
        }
    }
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
