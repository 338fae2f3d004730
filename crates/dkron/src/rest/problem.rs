//! A refusal as a problem (RFC 9457), for clients that say they can read one. All others get
//! Dkron's texts.

use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::openapi::Problem;
use super::respond::Answer;
use super::{json, respond};

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
/// Refusals are short texts.
const TEXT_BYTES: usize = 64 * 1024;

/// Whether the client names the form; `*/*` does not.
pub fn wanted(headers: &HeaderMap) -> bool {
    let names = |value: &HeaderValue| {
        value.to_str().is_ok_and(|kinds| kinds.contains("application/problem+json"))
    };
    headers.get_all(ACCEPT).iter().any(names)
}

/// The same refusal as a problem; what is none, or is JSON already, stays as it is.
pub async fn told(answer: Answer) -> Answer {
    let status = answer.status();
    if !status.is_client_error() && !status.is_server_error() {
        return answer;
    }
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| !kind.starts_with("text/plain")) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(text) = to_bytes(body, TEXT_BYTES).await else { return respond::empty(status) };
    let why = parts.headers.get(respond::WHY).and_then(|why| why.to_str().ok());
    let detail = match why {
        Some(why) if text.is_empty() => why.to_owned(),
        _ => String::from_utf8_lossy(&text).into_owned(),
    };
    let title = status.canonical_reason().unwrap_or("Refused").to_owned();
    let field = field(&detail);
    let problem = Problem { title, status: status.as_u16(), detail, field };
    parts.headers.insert(CONTENT_TYPE, PROBLEM);
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    Answer::from_parts(parts, Body::from(json::encode(&problem, false)))
}

/// Refusals begin with the name of what is wrong, if it has one.
fn field(text: &str) -> Option<String> {
    let text = text.strip_prefix("Job validation failed: ").unwrap_or(text);
    let (name, _) = text.split_once(": ")?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_.[]-".contains(letter);
    (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    async fn body(answer: Answer) -> String {
        String::from_utf8(to_bytes(answer.into_body(), TEXT_BYTES).await.unwrap().into()).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_names_the_field() {
        let answer = respond::text(StatusCode::BAD_REQUEST, "wait: it wants a duration");
        let answer = told(answer).await;
        assert_eq!(answer.headers()[CONTENT_TYPE], PROBLEM);
        assert_eq!(
            body(answer).await,
            concat!(
                r#"{"title":"Bad Request","status":400,"#,
                r#""detail":"wait: it wants a duration","field":"wait"}"#
            )
        );
    }

    #[tokio::test]
    async fn only_texts_and_empty_bodies_are_turned() {
        let empty = told(respond::silent(StatusCode::NOT_FOUND, "gone ü")).await;
        assert_eq!(body(empty).await, r#"{"title":"Not Found","status":404,"detail":"gone ?"}"#);
        let json = told(respond::json(StatusCode::BAD_REQUEST, "no", false)).await;
        assert_eq!(body(json).await, r#""no""#);
        let fine = told(respond::text(StatusCode::OK, "a: b")).await;
        assert_eq!(body(fine).await, "a: b");
    }

    #[test]
    fn fields() {
        let of = |text| field(text);
        assert_eq!(of("Job validation failed: retry.on: x").as_deref(), Some("retry.on"));
        assert_eq!(of("the body is larger: much"), None);
        assert_eq!(of("no leader"), None);
    }

    #[test]
    fn who_wants_problems() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        assert!(!wanted(&headers));
        headers.append(ACCEPT, HeaderValue::from_static("application/problem+json, text/plain"));
        assert!(wanted(&headers));
    }
}
