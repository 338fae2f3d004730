//! The body of a request: at most so many bytes, within a minute.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::StatusCode;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;

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

/// The body of a request. What of it no handler reads is taken in all the same, within bounds and
/// while the answer is on its way: the answer would be lost if the connection closed on it.
pub fn kept(body: Body) -> Body {
    if body.is_end_stream() { body } else { Body::new(Kept(Some(body))) }
}

struct Kept(Option<Body>);

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let unread = self.0.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unread, Handle::try_current()) {
            runtime.spawn(drain(body));
        }
    }
}

async fn drain(mut body: Body) {
    let unread = async {
        let mut left = DRAINED;
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    /// A body that is told of each piece that is taken.
    struct Counted(u8, mpsc::UnboundedSender<u8>);

    impl HttpBody for Counted {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            if self.0 == 0 {
                return Poll::Ready(None);
            }
            self.0 -= 1;
            let _ = self.1.send(self.0);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test]
    async fn what_no_handler_reads_is_taken_in() {
        let (taken, mut seen) = mpsc::unbounded_channel();
        let mut body = kept(Body::new(Counted(5, taken)));
        poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
        drop(body);
        for left in (0..5).rev() {
            assert_eq!(seen.recv().await, Some(left));
        }
        assert_eq!(seen.recv().await, None);
    }
}
