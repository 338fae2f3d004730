//! What happens, as server-sent events whose ids are the same on every server.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderName};
use dkron_core::domain::{LogIndex, State};
use dkron_node::chronicle::{Chronicle, Happening, Place, Reading, Stamped, WORDS};
use dkron_node::service::Error;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::rest::dto::{EventDto, ListedMember, SummaryDto};
use crate::rest::json::encode;
use crate::rest::query::Query;
use crate::rest::respond::{self, Answer};
use crate::rest::stream::{self, EVENTS, HEARTBEAT, Outside, Piece, STALLED};
use crate::rest::{Call, Peer};
use crate::words::shown;

const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
/// LIMIT: streams at a time on this server; more are sent away.
const STREAMS: usize = 1024;
static ROOM: Semaphore = Semaphore::const_new(STREAMS);
/// Events in one piece.
const PIECE: usize = 256;
/// A summary is sent at most so often.
const SUMMARY: Duration = Duration::from_millis(250);
/// A place that this server has not reached is waited for so long.
const AHEAD: Duration = Duration::from_secs(5);

/// What a client wants to hear of.
#[derive(Default, Debug, PartialEq, Eq)]
struct Wanted {
    kinds: Vec<String>,
    states: Vec<String>,
    /// How the names of the jobs begin.
    job: String,
    summary: bool,
}

pub async fn events(call: &Call<'_>, request: Request) -> Answer {
    let asked = wanted(&call.query).and_then(|w| Ok((w, from(&call.query, request.headers())?)));
    let (wanted, from) = match asked {
        Ok(asked) => asked,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    let Some(chronicle) = call.app.service.chronicle().cloned() else {
        return respond::error(&Error::NoLeader);
    };
    let Ok(place) = ROOM.try_acquire() else { return respond::error(&Error::Busy) };
    // Whoever is told of the members has missed nothing that happens from here on.
    let end = chronicle.end();
    let members = match call.app.service.members().await {
        Ok(members) => members,
        Err(err) => return respond::error(&err),
    };
    let members: Vec<ListedMember<'_>> = members.iter().map(ListedMember::from).collect();
    let at = from.unwrap_or(end);
    let mut first = b"retry: 1000\n".to_vec();
    write(&mut first, at, "members", &members);
    let (pieces, body) = mpsc::channel(1);
    let peer = request.extensions().get::<Peer>().cloned();
    let sender = Sender { chronicle, pieces, wanted, at, sent_at: Instant::now(), peer };
    tokio::spawn(sender.run(first, place));
    stream::answer(EVENTS, body)
}

fn wanted(query: &Query) -> Result<Wanted, String> {
    let some = |key: &str, known: &[&str]| -> Result<Vec<String>, String> {
        let words = query.all(key).flat_map(|text| text.split(',')).filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_owned).collect();
        match words.iter().find(|word| !known.contains(&word.as_str())) {
            Some(other) => Err(format!("{key}: {} is none of {}", shown(other), known.join(", "))),
            None => Ok(words),
        }
    };
    let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
    let ended: Vec<&str> = ended.map(State::word).collect();
    let summary = match query.get("view") {
        None | Some("" | "all") => false,
        Some("summary") => true,
        Some(other) => return Err(format!("view: {} is none of all, summary", shown(other))),
    };
    let job = query.get("job").unwrap_or("").to_owned();
    let states = some("state", &ended)?;
    Ok(Wanted { kinds: some("kind", &WORDS)?, states, job, summary })
}

/// Where the client goes on: the header of a browser that comes back counts before `after`.
fn from(query: &Query, headers: &HeaderMap) -> Result<Option<Place>, String> {
    let resumed = headers.get(LAST_EVENT).and_then(|value| value.to_str().ok());
    let (key, text) = match (resumed, query.get("after")) {
        (Some(text), _) if !text.is_empty() => ("Last-Event-ID", text),
        (_, Some(text)) if !text.is_empty() => ("after", text),
        _ => return Ok(None),
    };
    text.parse().map(Some).map_err(|err| format!("{key}: {err}"))
}

impl Wanted {
    fn wants(&self, event: &Stamped) -> bool {
        let named = |name: &str| name.starts_with(&self.job);
        let of_job = self.job.is_empty() || event.job.as_ref().is_some_and(|n| named(n.as_str()));
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|k| k == event.what.word());
        let state = match &event.what {
            Happening::Ended(ended) if !self.states.is_empty() => {
                self.states.iter().any(|state| state == ended.state.word())
            }
            _ => true,
        };
        of_job && kind && state
    }
}

/// One client. It holds its place and nothing else.
struct Sender {
    chronicle: Arc<Chronicle>,
    pieces: mpsc::Sender<Piece>,
    wanted: Wanted,
    at: Place,
    sent_at: Instant,
    /// None outside a connection.
    peer: Option<Peer>,
}

impl Sender {
    async fn run(mut self, first: Vec<u8>, _place: SemaphorePermit<'static>) {
        let mut newest = self.chronicle.watch();
        if !self.send(first).await || !self.reach(&mut newest).await {
            return;
        }
        let mut summary = Summary::default();
        loop {
            newest.borrow_and_update();
            let Some(more) = self.tell(&mut summary).await else { return };
            if more {
                continue;
            }
            let due = summary.due();
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(due), if summary.is_something => {
                    let piece = summary.take(self.at);
                    if !self.send(piece).await {
                        return;
                    }
                }
                () = tokio::time::sleep_until(self.sent_at + HEARTBEAT) => {
                    // The place goes along: a client with few events resumes near the end too.
                    if !self.send(format!(":\nid: {}\n\n", self.at).into_bytes()).await {
                        return;
                    }
                }
                () = self.pieces.closed() => return,
                outside = stream::ended(self.peer.as_ref()) => {
                    if outside == Outside::DoorCloses {
                        // An end without an error: the client comes back, here or elsewhere.
                        tracing::trace!("rest: an event stream ends with the door");
                    }
                    return;
                }
            }
        }
    }

    /// A client of a server that was ahead of this one waits; one of another history begins anew.
    async fn reach(&mut self, newest: &mut tokio::sync::watch::Receiver<LogIndex>) -> bool {
        let wanted = self.at.index.0.saturating_sub(1);
        let reached = async { newest.wait_for(|seen| seen.0 >= wanted).await.is_ok() };
        match tokio::time::timeout(AHEAD, reached).await {
            Ok(reached) => reached,
            Err(_) => {
                let next = self.chronicle.end();
                self.reset(next, "ahead of this server").await
            }
        }
    }

    async fn reset(&mut self, next: Place, why: &'static str) -> bool {
        let mut piece = Vec::new();
        let told = serde_json::json!({ "after": self.at.to_string(), "reason": why });
        self.at = next;
        write(&mut piece, next, "reset", &told);
        self.send(piece).await
    }

    /// Sends what there is; whether there is more, or none if nobody listens.
    async fn tell(&mut self, summary: &mut Summary) -> Option<bool> {
        let reading = self.chronicle.after(self.at, PIECE, |event| self.wanted.wants(event));
        let (events, next, more) = match reading {
            Reading::Reset { next } => {
                return self.reset(next, "older than what is kept").await.then_some(true);
            }
            Reading::Events { events, next, more } => (events, next, more),
        };
        self.at = next;
        if self.wanted.summary {
            for event in &events {
                summary.count(&event.what);
            }
            return Some(more);
        }
        let mut piece = Vec::new();
        for event in &events {
            write(&mut piece, event.place, event.what.word(), &EventDto::from(&**event));
        }
        (piece.is_empty() || self.send(piece).await).then_some(more)
    }

    /// Whether somebody took it.
    async fn send(&mut self, piece: Vec<u8>) -> bool {
        self.sent_at = Instant::now();
        self.pieces.send_timeout(Ok(Bytes::from(piece)), STALLED).await.is_ok()
    }
}

/// What is to be summed up.
struct Summary {
    counts: SummaryDto,
    is_something: bool,
    sent_at: Instant,
}

impl Default for Summary {
    fn default() -> Self {
        Summary { counts: SummaryDto::default(), is_something: false, sent_at: Instant::now() }
    }
}

impl Summary {
    fn count(&mut self, what: &Happening) {
        self.counts.count(what);
        self.is_something = true;
    }

    fn due(&self) -> Instant {
        self.sent_at + SUMMARY
    }

    fn take(&mut self, at: Place) -> Vec<u8> {
        let mut piece = Vec::new();
        write(&mut piece, at, "summary", &std::mem::take(&mut self.counts));
        (self.is_something, self.sent_at) = (false, Instant::now());
        piece
    }
}

/// JSON without line ends is one line of data.
fn write<T: serde::Serialize + ?Sized>(piece: &mut Vec<u8>, at: Place, name: &str, data: &T) {
    piece.extend_from_slice(format!("id: {at}\nevent: {name}\ndata: ").as_bytes());
    piece.extend_from_slice(&encode(data, false));
    piece.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted() {
        let asked = |text: &str| wanted(&Query::parse(text));
        assert_eq!(asked("").unwrap(), Wanted::default());
        let some = asked("kind=job.created,job.deleted&kind=leader&state=lost&job=etl-").unwrap();
        assert_eq!(some.kinds, ["job.created", "job.deleted", "leader"]);
        assert_eq!((some.states.as_slice(), some.job.as_str()), (&["lost".to_owned()][..], "etl-"));
        assert!(asked("view=summary").unwrap().summary);
        for (text, field) in
            [("kind=x", "kind: "), ("state=running", "state: "), ("view=y", "view: ")]
        {
            let said = asked(text).unwrap_err();
            assert!(said.starts_with(field) && said.contains(" is none of "), "{said}");
        }
    }

    #[test]
    fn where_a_client_goes_on() {
        let mut headers = HeaderMap::new();
        assert_eq!(from(&Query::parse(""), &headers), Ok(None));
        let after = Query::parse("after=7:1");
        assert_eq!(from(&after, &headers).unwrap().unwrap().to_string(), "7:1");
        headers.insert(LAST_EVENT, "9:2".parse().unwrap());
        assert_eq!(from(&after, &headers).unwrap().unwrap().to_string(), "9:2");
        let said = from(&Query::parse("after=x"), &HeaderMap::new()).unwrap_err();
        assert_eq!(said, "after: it is no place, write an event's id such as 4711:2");
    }
}
