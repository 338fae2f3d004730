//! The only place where an outcome becomes a status.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use dkron_node::service::{Error, Freshness, Receipt};
use serde::Serialize;

use super::json;

pub type Answer = Response<Body>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Without the character set, as the original's router has it.
const BARE_TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const STALE: HeaderName = HeaderName::from_static("x-dkron-stale");
const INDEX: HeaderName = HeaderName::from_static("x-dkron-index");
/// Why, where the body is empty.
pub const WHY: HeaderName = HeaderName::from_static("x-dkron-reason");
/// Letters of such a reason.
const REASON: usize = 512;
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Seconds.
const SOON: HeaderValue = HeaderValue::from_static("1");

/// A value as JSON.
pub fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T, pretty: bool) -> Answer {
    let mut answer = Response::new(Body::from(json::encode(value, pretty)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer
}

/// A text for a person.
pub fn text(status: StatusCode, text: impl Into<String>) -> Answer {
    let mut answer = Response::new(Body::from(text.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, TEXT);
    answer
}

/// A status alone.
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// A refusal whose body Dkron leaves empty; a header says why.
pub fn silent(status: StatusCode, reason: &str) -> Answer {
    let plain =
        |letter: char| if letter == ' ' || letter.is_ascii_graphic() { letter } else { '?' };
    let reason: String = reason.chars().take(REASON).map(plain).collect();
    let mut answer = empty(status);
    if let Ok(value) = HeaderValue::try_from(reason) {
        answer.headers_mut().insert(WHY, value);
    }
    answer
}

/// No route is there, or none for the method.
pub fn no_route() -> Answer {
    let mut answer = text(StatusCode::NOT_FOUND, "404 page not found");
    answer.headers_mut().insert(CONTENT_TYPE, BARE_TEXT);
    answer
}

/// A payload that is no JSON of a job.
pub fn unparsable(err: &super::decode::Error) -> Answer {
    text(StatusCode::BAD_REQUEST, format!("Unable to parse payload: {err}."))
}

/// The answer, and that it is worth to ask again soon.
pub fn later(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(RETRY_AFTER, SOON);
    answer
}

/// Marks an answer that may be older than the cluster is.
pub fn mark(answer: &mut Answer, freshness: Freshness) {
    if freshness.stale {
        answer.headers_mut().insert(STALE, HeaderValue::from_static("true"));
        answer.headers_mut().insert(INDEX, HeaderValue::from(freshness.index.0));
    }
}

/// Tells which entry of the log carried a write, and whether that was long ago.
pub fn carried(answer: &mut Answer, receipt: &Receipt) {
    if let Some(index) = receipt.index() {
        answer.headers_mut().insert(INDEX, HeaderValue::from(index.0));
    }
    if receipt.is_repeated() {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
}

/// Why a request was not carried out.
pub fn error(err: &Error) -> Answer {
    let status = match err {
        Error::Invalid(_) | Error::Cycle(_) => {
            let said = format!("Job validation failed: {err}.");
            return text(StatusCode::BAD_REQUEST, said);
        }
        Error::JobNotFound => {
            return silent(StatusCode::NOT_FOUND, "there is no such job, GET /v1/jobs lists them");
        }
        Error::ExecutionNotFound => {
            let said = "the job has no such execution, GET /v1/jobs/:job/executions lists them";
            return silent(StatusCode::NOT_FOUND, said);
        }
        Error::ParentNotFound
        | Error::NodeNotFound
        | Error::PeerNotFound(_)
        | Error::PauseNotFound(_)
        | Error::NoEligibleNode(_) => StatusCode::NOT_FOUND,
        Error::HasDependents(_) | Error::Overlap(_) | Error::QueueFull(_) | Error::Refused(_) => {
            StatusCode::CONFLICT
        }
        Error::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Past(..) => StatusCode::GONE,
        Error::Unmet(_) => StatusCode::PRECONDITION_FAILED,
        Error::Paused => StatusCode::SERVICE_UNAVAILABLE,
        Error::NoCapacity(_)
        | Error::Unready(_)
        | Error::Busy
        | Error::DiskFull
        | Error::NoLeader
        | Error::Stale
        | Error::Behind { .. }
        | Error::Unknown
        | Error::Stopping => {
            return later(text(StatusCode::SERVICE_UNAVAILABLE, err.to_string()));
        }
        Error::Storage(_) => {
            tracing::error!(%err, "rest: a request failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    text(status, err.to_string())
}

#[cfg(test)]
mod tests {
    use dkron_core::domain::LogIndex;

    use super::*;

    #[test]
    fn only_what_may_be_older_is_marked() {
        let index = LogIndex(40);
        let mut answer = empty(StatusCode::OK);
        mark(&mut answer, Freshness { index, stale: false });
        assert!(answer.headers().is_empty());
        mark(&mut answer, Freshness { index, stale: true });
        assert_eq!(answer.headers()[&STALE], "true");
        assert_eq!(answer.headers()[&INDEX], "40");
    }

    #[test]
    fn what_may_work_later_says_so() {
        let name = || dkron_core::domain::JobName::from("j");
        for err in [
            Error::NoCapacity(name()),
            Error::Busy,
            Error::DiskFull,
            Error::NoLeader,
            Error::Stale,
            Error::Behind { index: LogIndex(9), seen: LogIndex(7) },
            Error::Unknown,
            Error::Stopping,
        ] {
            let answer = error(&err);
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{err}");
            assert!(answer.headers().contains_key(RETRY_AFTER), "{err}");
        }
        // How long a pause lasts is for people to say.
        assert!(!error(&Error::Paused).headers().contains_key(RETRY_AFTER));
        assert_eq!(error(&Error::NoEligibleNode(name())).status(), StatusCode::NOT_FOUND);
    }
}
