//! The body of a request: at most so many bytes, within a minute.

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::StatusCode;

use super::respond::{self, Answer};

/// A client that sends its body slower than this is not waited for.
const TIME: Duration = Duration::from_secs(60);

/// Of a body that no handler reads so much is taken in, and for so long.
const DRAINED: usize = 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(10);

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

/// Takes in what nobody wants, within bounds, while the answer is on its way: it would be lost if
/// the connection closed on what was not read.
pub async fn drain(body: Body) {
    let unread = async {
        let mut body = body;
        let mut left = DRAINED;
        while let Some(Ok(frame)) =
            std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Slower ones lose the answer, and nobody else waits for them.
    let _ = tokio::time::timeout(DRAIN_TIME, unread).await;
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
