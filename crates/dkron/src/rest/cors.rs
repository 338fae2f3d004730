//! Requests from web pages of other sites: they may read, and write only where they are named.
//! Without that any page that a reader of the UI visits could create a job.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HOST, HeaderMap, HeaderValue, ORIGIN,
};
use axum::http::{Method, StatusCode, Uri};

use super::respond::{self, Answer};
use super::route::Route;

const ANY: HeaderValue = HeaderValue::from_static("*");
/// Seconds for which a browser may remember the answer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("43200");

/// The `Origin` of a request if it is not the server's own.
pub fn foreign(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let origin = String::from_utf8_lossy(headers.get(ORIGIN)?.as_bytes()).into_owned();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()))?;
    let bare = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let own = bare.is_some_and(|bare| bare.eq_ignore_ascii_case(host));
    (!own && !origin.is_empty()).then_some(origin)
}

/// The answer to a write that a foreign page may not make.
pub fn refuse(method: &Method, origin: Option<&str>, allowed: &[String]) -> Option<Answer> {
    let origin = origin.filter(|_| Route::writes(method))?;
    let named =
        |each: &String| each == "*" || each.trim_end_matches('/').eq_ignore_ascii_case(origin);
    if allowed.iter().any(named) {
        return None;
    }
    let shown: String = origin.chars().take(128).collect();
    let said = format!(
        "requests from pages of `{}` may not change anything here, \
         start the server with --http-allowed-origins to let them",
        shown.escape_debug()
    );
    Some(respond::text(StatusCode::FORBIDDEN, said))
}

/// The answer to a browser that asks first.
pub fn preflight() -> Answer {
    let mut answer = respond::empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, ANY);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ANY);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    answer
}

/// Lets a foreign page read the answer.
pub fn open(answer: &mut Answer) {
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    answer.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
}
