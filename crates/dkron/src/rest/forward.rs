//! Requests that another server carries out, both ways: what this door sends to the leader, and
//! what it serves for others.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use dkron_node::forward::{
    AnswerHead, Answered, Arrived, Broken, Forward, Front, Pieces, RequestHead, Sent,
};
use dkron_node::service::Error;
use hyper::body::{Frame, SizeHint};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::Peer;
use super::respond::{self, Answer};
use super::route::Place;

/// A write waits for a leader so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// A read that this server can answer too.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// Of one connection, not of a request.
const HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// How a request came that did not come over this server's own door. In the request's extensions,
/// so that no client can say it.
#[derive(Clone, Debug)]
pub struct Via {
    /// It is not sent on, and the other server's door has checked where it comes from.
    pub from_server: bool,
    /// Address of who asks.
    client: Option<String>,
}

/// The address of who asks.
pub fn client(request: &Request) -> Option<String> {
    match request.extensions().get::<Via>() {
        Some(via) => via.client.clone(),
        None => request.extensions().get::<Peer>().map(|peer| peer.addr.ip().to_string()),
    }
}

/// Where a request went.
pub enum Carried {
    Answered(Answer),
    /// Nobody else carries it out.
    Here(Request),
}

/// Sends a request to where it belongs.
pub async fn carry(forward: Option<&dyn Forward>, place: Place, request: Request) -> Carried {
    let Some(forward) = forward.filter(|forward| place != Place::Here && !forward.leads()) else {
        return Carried::Here(request);
    };
    let by = client(&request);
    let (parts, body) = request.into_parts();
    let head = head(&parts, by);
    if place == Place::LeaderOrHere {
        return match forward.forward(head, Pieces::empty(), IMPATIENCE).await {
            Ok(Sent::Answered(answered)) => Carried::Answered(answer(answered)),
            // It changes nothing, so it can be asked again here.
            Ok(Sent::Here(_) | Sent::NoLeader(_)) | Err(_) => {
                Carried::Here(Request::from_parts(parts, body))
            }
        };
    }
    match forward.forward(head, pieces(body), PATIENCE).await {
        Ok(Sent::Answered(answered)) => Carried::Answered(answer(answered)),
        Ok(Sent::Here(pieces)) => {
            let body = Body::new(Rest { pieces, left: None });
            Carried::Here(Request::from_parts(parts, body))
        }
        Ok(Sent::NoLeader(_)) => Carried::Answered(respond::error(&Error::NoLeader)),
        Err(err) => Carried::Answered(respond::error(&err)),
    }
}

/// Serves requests that others send with the whole door.
pub fn front(router: Router) -> Front {
    let door = TowerToHyperService::new(router);
    Arc::new(move |arrived: Arrived| {
        let door = door.clone();
        Box::pin(async move {
            let answer = match request(arrived) {
                Some(request) => match door.call(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                },
                None => respond::text(StatusCode::BAD_REQUEST, "this is no request of HTTP"),
            };
            answered(answer)
        })
    })
}

fn head(parts: &Parts, client: Option<String>) -> RequestHead {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    RequestHead {
        method: parts.method.as_str().to_owned(),
        target: target.to_owned(),
        headers: said(&parts.headers),
        client,
    }
}

fn request(arrived: Arrived) -> Option<Request> {
    let Arrived { head, body, from_server } = arrived;
    let body = Body::new(Rest { pieces: body, left: None });
    let mut request = Request::builder().method(head.method.as_str()).uri(head.target).body(body);
    if let Ok(request) = &mut request {
        *request.headers_mut() = heard(head.headers);
        request.extensions_mut().insert(Via { from_server, client: head.client });
    }
    request.ok()
}

fn answered(answer: Answer) -> Answered {
    let (parts, body) = answer.into_parts();
    let length = body.size_hint().exact();
    let (status, headers) = (parts.status.as_u16(), said(&parts.headers));
    Answered { head: AnswerHead { status, headers, length }, body: pieces(body) }
}

fn answer(answered: Answered) -> Answer {
    let Answered { head, body } = answered;
    let mut answer = Response::new(Body::new(Rest { pieces: body, left: head.length }));
    *answer.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *answer.headers_mut() = heard(head.headers);
    answer
}

fn said(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let travels = headers.iter().filter(|(name, _)| !HOP.contains(name));
    travels.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

fn heard(said: Vec<(String, Vec<u8>)>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(said.len());
    for (name, value) in said {
        let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value));
        if let (Ok(name), Ok(value)) = pair {
            headers.append(name, value);
        }
    }
    headers
}

/// A body of this door for the way.
fn pieces(mut body: Body) -> Pieces {
    if body.is_end_stream() {
        return Pieces::empty();
    }
    let (sender, pieces) = Pieces::channel();
    tokio::spawn(async move {
        loop {
            let piece = tokio::select! {
                frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)) => match frame {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(piece) => Ok(piece),
                        Err(_trailers) => continue,
                    },
                    Some(Err(_)) => Err(Broken),
                    None => return,
                },
                () = sender.closed() => return,
            };
            let broken = piece.is_err();
            if sender.send(piece).await.is_err() || broken {
                return;
            }
        }
    });
    pieces
}

/// Pieces of unknown number as a body of this door.
pub fn body(pieces: Pieces) -> Body {
    Body::new(Rest { pieces, left: None })
}

/// A body that came over the way, for this door.
struct Rest {
    pieces: Pieces,
    /// Bytes to come, where that is known.
    left: Option<u64>,
}

impl HttpBody for Rest {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let piece = ready!(self.pieces.poll_next(context));
        Poll::Ready(piece.map(|piece| {
            let piece = piece?;
            self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
            Ok(Frame::data(piece))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}
