//! The description of the API, for programs and for people.

use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};

use crate::rest::respond::Answer;
use crate::rest::{Call, HTML, openapi};

const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
/// Its own style, and nothing else.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'self'; frame-ancestors 'none'");

pub fn openapi(call: &Call<'_>) -> Answer {
    call.ok(openapi::document())
}

pub fn page() -> Answer {
    let mut answer = Response::new(Body::from(openapi::page()));
    answer.headers_mut().insert(CONTENT_TYPE, HTML);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    answer
}

pub fn style() -> Answer {
    let mut answer = Response::new(Body::from(openapi::STYLE));
    answer.headers_mut().insert(CONTENT_TYPE, CSS);
    answer
}
