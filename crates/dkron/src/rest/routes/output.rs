//! What an execution wrote, as bytes: whole, in ranges, from an offset, or followed to its end.

use axum::body::Bytes;
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, RANGE,
};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use dkron_core::domain::{JobName, State};
use dkron_node::service::{Error, Offset, OutputText};

use super::cancel::{unknown_execution, unknown_job};
use crate::rest::follow::{self, Form};
use crate::rest::range::{self, Range};
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, Peer};
use crate::words::shown;

const TOTAL: HeaderName = HeaderName::from_static("x-dkron-output-total");
const DROPPED: HeaderName = HeaderName::from_static("x-dkron-output-dropped");
const NEXT: HeaderName = HeaderName::from_static("x-dkron-output-next");
const STATE: HeaderName = HeaderName::from_static("x-dkron-execution-state");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Bytes from an offset in one answer; the next answer has the following ones.
const PIECE: usize = 1024 * 1024;

/// What the query and the headers ask for.
struct Wanted {
    from: Option<Offset>,
    form: Option<Form>,
    download: bool,
}

pub async fn output(call: &Call<'_>, name: JobName, id: String, request: &Parts) -> Answer {
    let headers = &request.headers;
    let wanted = match wanted(call, headers) {
        Ok(wanted) => wanted,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    let last_event = headers.get(LAST_EVENT).and_then(|value| value.to_str().ok());
    if wanted.form.is_some() && last_event == Some(follow::END_ID) {
        // A browser that has seen the end asks once more: it is to stop.
        return respond::empty(StatusCode::NO_CONTENT);
    }
    let result = match (wanted.form, wanted.from) {
        (Some(form), from) => {
            let resumed = last_event.and_then(|id| id.parse().ok()).map(Offset::At);
            let from = resumed.or(from).unwrap_or_default();
            let peer = request.extensions.get::<Peer>();
            follow::answer(&call.app.service, (&name, &id), from, form, peer).await
        }
        (None, Some(from)) => piece(call, &name, &id, from).await,
        (None, None) => {
            let text = call.app.service.output_text(name.clone(), id.clone()).await;
            text.map(|text| whole(text, headers))
        }
    };
    match result {
        Ok(mut answer) => {
            if wanted.download {
                attach(&mut answer, &name, &id);
            }
            answer
        }
        Err(Error::JobNotFound) => unknown_job(&name),
        Err(Error::ExecutionNotFound) => unknown_execution(&name, &id),
        Err(err) => respond::error(&err),
    }
}

fn wanted(call: &Call<'_>, headers: &HeaderMap) -> Result<Wanted, String> {
    let flag = |key: &str| match call.query.get(key) {
        None | Some("false" | "0") => Ok(false),
        Some("" | "true" | "1") => Ok(true),
        Some(other) => {
            Err(format!("{key}: {} is unknown, use \"true\" or \"false\"", shown(other)))
        }
    };
    let from = match call.query.get("from") {
        None | Some("") => None,
        Some("start") => Some(Offset::Start),
        Some("end") => Some(Offset::End),
        Some(text) => Some(text.parse().map(Offset::At).map_err(|_| {
            format!("from: {} is unknown, use \"start\", \"end\" or an offset", shown(text))
        })?),
    };
    let accepts =
        |value: &HeaderValue| value.to_str().is_ok_and(|kinds| kinds.contains("text/event-stream"));
    let form = match call.query.get("format") {
        Some("sse") => Form::Events,
        Some("text") => Form::Text,
        None | Some("") if headers.get_all(ACCEPT).iter().any(accepts) => Form::Events,
        None | Some("") => Form::Text,
        Some(other) => {
            return Err(format!("format: {} is unknown, use \"text\" or \"sse\"", shown(other)));
        }
    };
    Ok(Wanted { from, form: flag("follow")?.then_some(form), download: flag("download")? })
}

fn whole(text: OutputText, headers: &HeaderMap) -> Answer {
    let len = text.bytes.len();
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let (status, bytes, content) = match range::of(range, len) {
        Range::Whole => (StatusCode::OK, text.bytes, None),
        Range::Part(part) => {
            let content = format!("bytes {}-{}/{len}", part.start, part.end - 1);
            (StatusCode::PARTIAL_CONTENT, text.bytes.slice(part), Some(content))
        }
        Range::Beyond => {
            let content = Some(format!("bytes */{len}"));
            (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new(), content)
        }
    };
    let mut answer = plain(status, bytes);
    let headers = answer.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(DROPPED, HeaderValue::from(text.dropped));
    if let Some(content) = content.and_then(|content| HeaderValue::from_str(&content).ok()) {
        headers.insert(CONTENT_RANGE, content);
    }
    told(&mut answer, text.total, text.state);
    answer
}

/// What there is from an offset, for clients that ask again instead of following.
async fn piece(call: &Call<'_>, name: &JobName, id: &str, from: Offset) -> Result<Answer, Error> {
    let service = &call.app.service;
    let piece = service.output(name.clone(), id.to_owned(), from, PIECE).await?;
    let mut answer = plain(StatusCode::OK, piece.bytes);
    answer.headers_mut().insert(NEXT, HeaderValue::from(piece.next));
    told(&mut answer, piece.total, piece.state);
    Ok(answer)
}

fn plain(status: StatusCode, bytes: Bytes) -> Answer {
    let mut answer = Response::new(bytes.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, TEXT);
    answer
}

fn told(answer: &mut Answer, total: u64, state: State) {
    let headers = answer.headers_mut();
    headers.insert(TOTAL, HeaderValue::from(total));
    headers.insert(STATE, HeaderValue::from_static(state.word()));
}

/// A browser keeps it as a file.
fn attach(answer: &mut Answer, name: &JobName, id: &str) {
    let plain = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => letter,
        _ => '_',
    };
    let file: String = format!("{name}-{id}").chars().take(200).map(plain).collect();
    let value = format!("attachment; filename=\"{file}.log\"");
    if let Ok(value) = HeaderValue::from_str(&value) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
}
