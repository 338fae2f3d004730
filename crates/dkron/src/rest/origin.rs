//! Where a write comes from, and the name that its client gave it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, StatusCode};
use dkron_core::domain::{Origin, RequestKey, limits};
use dkron_node::service::request_key;

use super::body;
use super::forward::client;
use super::respond::{self, Answer};

const USER: HeaderName = HeaderName::from_static("x-dkron-user");
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// LIMIT: letters of a key.
const KEY_LETTERS: usize = 255;
const TOO_LARGE: &str = "the body is larger than 1 MiB, which is too large for a request with an \
                         Idempotency-Key";

/// What the headers of a write say of it.
pub fn origin(request: &Request) -> Result<Origin, String> {
    let by = user(request.headers())?;
    Ok(Origin { by, from: client(request).unwrap_or_default(), key: None })
}

fn user(headers: &HeaderMap) -> Result<String, String> {
    let Some(value) = headers.get(&USER) else { return Ok(String::new()) };
    let text = std::str::from_utf8(value.as_bytes()).ok().map(str::trim);
    let text = text.filter(|text| !text.contains(char::is_control));
    match text {
        Some(text) if text.len() <= limits::AUTHOR_BYTES => Ok(text.to_owned()),
        _ => Err(format!("{USER}: it wants a name of at most {} bytes", limits::AUTHOR_BYTES)),
    }
}

/// The name that the client gave to its request.
pub fn key_name(headers: &HeaderMap) -> Result<Option<&str>, String> {
    let Some(value) = headers.get(&KEY) else { return Ok(None) };
    let text = value.to_str().ok();
    let good = |text: &&str| !text.is_empty() && text.len() <= KEY_LETTERS;
    let text = text.filter(good).filter(|_| headers.get_all(&KEY).iter().count() == 1);
    text.map(Some).ok_or_else(|| {
        format!("{KEY}: it wants one key of 1 to {KEY_LETTERS} printable ASCII letters")
    })
}

/// The key of a request, made of all that it asks for.
pub async fn keyed(request: Request, name: String) -> Result<(RequestKey, Request), Answer> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(body, limits::DEFINITION_BYTES, TOO_LARGE).await?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let key = request_key(&name, parts.method.as_str(), target, &bytes);
    Ok((key, Request::from_parts(parts, Body::from(bytes))))
}

/// A header that says what is wrong with it.
pub fn wrong(said: String) -> Answer {
    respond::text(StatusCode::BAD_REQUEST, said)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn keys_are_printable_and_short() {
        let read = |values: &[&[u8]]| key_name(&headers(&KEY, values)).map(|it| it.map(str::len));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"a"]), Ok(Some(1)));
        assert_eq!(read(&[&[b'~'; 255]]), Ok(Some(255)));
        for wrong in [&[b"".as_slice()][..], &[&[b'a'; 256]], &[b"a", b"b"], &["ü".as_bytes()]] {
            assert!(read(wrong).unwrap_err().contains("1 to 255 printable ASCII"), "{wrong:?}");
        }
    }

    #[test]
    fn users_are_texts() {
        let read = |value: &[u8]| user(&headers(&USER, &[value]));
        assert_eq!(user(&HeaderMap::new()), Ok(String::new()));
        assert_eq!(read("Änne <a@b>".as_bytes()), Ok("Änne <a@b>".to_owned()));
        assert_eq!(read(&[b'a'; 128]).map(|text| text.len()), Ok(128));
        for wrong in [&[b'a'; 129][..], b"\xff", b"a\tb"] {
            assert!(read(wrong).unwrap_err().contains("at most 128 bytes"), "{wrong:?}");
        }
    }
}
