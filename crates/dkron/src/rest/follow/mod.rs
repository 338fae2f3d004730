//! An output that is followed to its end: as plain text or as server-sent events. Each follower
//! holds two small pieces; it reads at its client's pace, and there are not more than so many.

mod events;

use axum::body::Bytes;
use axum::http::header::HeaderValue;
use dkron_core::domain::JobName;
use dkron_node::service::{Error, Follow, Offset, Service};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::Peer;
use super::respond::Answer;
use super::stream::{self, Broken, EVENTS, HEARTBEAT, Outside, Piece, STALLED};
use events::Events;

pub use events::END_ID;

/// Followers at a time on this server; more are sent away.
const FOLLOWERS: usize = 256;
static ROOM: Semaphore = Semaphore::const_new(FOLLOWERS);
/// Bytes of output in one step.
const PIECE: usize = 16 * 1024;

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

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
    Ok(stream::answer(if form == Form::Text { PLAIN } else { EVENTS }, body))
}

/// One follower.
struct Sender {
    follow: Follow,
    pieces: mpsc::Sender<Piece>,
    form: Form,
    /// None outside a connection.
    peer: Option<Peer>,
}

/// What a step brought.
enum Step {
    Send(Bytes),
    Last(Bytes),
    /// It ends before its end.
    Break,
    Gone,
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
            outside = stream::ended(self.peer.as_ref()) => return match outside {
                Outside::DoorCloses => Step::Break,
                Outside::ClientLeft => Step::Gone,
            },
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
