//! The body of a request: at most so many bytes, within a minute.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;

use super::respond::{self, Answer};

/// A client that sends its body slower than this is not waited for.
const TIME: Duration = Duration::from_secs(60);

/// All of it; `too_large` tells a person what to do about one above `most` bytes.
pub async fn read(body: Body, most: usize, too_large: &str) -> Result<Bytes, Answer> {
    match tokio::time::timeout(TIME, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(err)) if is_too_long(&err) => {
            Err(respond::text(StatusCode::PAYLOAD_TOO_LARGE, too_large))
        }
        Ok(Err(err)) => {
            let said = format!("Unable to parse payload: {err}.");
            Err(respond::text(StatusCode::BAD_REQUEST, said))
        }
        Err(_) => {
            let said = "the body did not arrive within a minute";
            Err(respond::text(StatusCode::REQUEST_TIMEOUT, said))
        }
    }
}

fn is_too_long(err: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(err);
    while let Some(err) = source {
        if err.to_string().contains("length limit exceeded") {
            return true;
        }
        source = err.source();
    }
    false
}
