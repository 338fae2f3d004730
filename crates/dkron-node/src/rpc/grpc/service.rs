//! What is answered on an accepted connection.

use std::sync::Arc;

use bytes::Bytes;
use dkron_wire::hello::Greeting;
use hyper::body::Incoming;
use hyper::http::{Request as HttpRequest, Response as HttpResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _, once};
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};

use super::codec::{self, Message, Raw};
use super::connection::Connection;
use super::pump::pump;
use super::{CALL, GREETING_MAX, HELLO, MESSAGE_MAX, OPEN};
use crate::rpc::{FRAME_MAX, FRAMES_AHEAD, Frames, Method};

type Messages = Box<dyn Stream<Item = Result<Message, Status>> + Send + Unpin>;

/// One request, whatever it is.
pub(super) async fn answer(
    connection: Arc<Connection>,
    request: HttpRequest<Incoming>,
) -> HttpResponse<Body> {
    let grpc = |max| Grpc::new(Raw).max_decoding_message_size(max);
    match request.uri().path() {
        HELLO => grpc(GREETING_MAX).unary(Greet(connection), request).await,
        CALL => grpc(MESSAGE_MAX).unary(Call(connection), request).await,
        OPEN => grpc(MESSAGE_MAX).streaming(Open(connection), request).await,
        path => Status::unimplemented(foreign(path)).into_http(),
    }
}

/// For whoever speaks another language.
fn foreign(path: &str) -> String {
    let known = ["/types.v1.", "/types."].iter().any(|prefix| path.starts_with(prefix));
    if known {
        return "this is another implementation of Dkron: nodes of both can not be in one \
                cluster, and its clients use the HTTP API; move jobs with /v1/restore"
            .into();
    }
    format!("this node does not serve {path}; see its HTTP API")
}

struct Greet(Arc<Connection>);

impl UnaryService<Bytes> for Greet {
    type Response = Message;
    type Future = std::future::Ready<Result<Response<Message>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let answer: Greeting = self.0.greeted(request.get_ref());
        std::future::ready(Ok(Response::new(Message::plain(answer.encode().into()))))
    }
}

struct Call(Arc<Connection>);

impl UnaryService<Bytes> for Call {
    type Response = Message;
    type Future = BoxFuture<Response<Message>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let connection = Arc::clone(&self.0);
        Box::pin(async move {
            let (method, message) = asked(request.into_inner())?;
            let caller = connection.caller(method).await?;
            let Some(handler) = connection.shared.router.handler(method) else {
                return Ok(Response::new(Message::refusal(nobody(method))));
            };
            Ok(Response::new(match handler(caller, message).await {
                Ok(answer) if answer.len() > FRAME_MAX => {
                    let len = answer.len();
                    Message::refusal(format!("an answer of {len} bytes is too long to be sent"))
                }
                Ok(answer) => Message::headed(codec::ANSWER, answer),
                Err(reason) => Message::refusal(reason),
            }))
        })
    }
}

struct Open(Arc<Connection>);

impl StreamingService<Bytes> for Open {
    type Response = Message;
    type ResponseStream = Messages;
    type Future = BoxFuture<Response<Messages>, Status>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let connection = Arc::clone(&self.0);
        Box::pin(async move {
            let mut stream = request.into_inner();
            let (method, _) = asked(stream.message().await?.unwrap_or_default())?;
            let caller = connection.caller(method).await?;
            let shared = &connection.shared;
            let Some(handler) = shared.router.stream_handler(method) else {
                let refusal = once(Ok(Message::refusal(nobody(method))));
                return Ok(Response::new(Box::new(refusal) as Messages));
            };
            let (sender, frames) = mpsc::channel(FRAMES_AHEAD);
            let (outbox, inbox) = mpsc::channel(FRAMES_AHEAD);
            tokio::spawn(pump(stream, outbox));
            let handled = handler(caller, Frames { to: sender, from: inbox });
            let greeted = Arc::clone(&connection);
            shared.streams.spawn(async move {
                // The node shall know whom it has its session with: it comes again.
                tokio::select! {
                    () = handled => {}
                    () = greeted.outdated(), if method == Method::Session => {}
                }
            });
            let head = once(Message::headed(codec::ANSWER, Bytes::new()));
            let messages = head.chain(ReceiverStream::new(frames).map(Message::plain)).map(Ok);
            Ok(Response::new(Box::new(messages) as Messages))
        })
    }
}

fn asked(message: Bytes) -> Result<(Method, Bytes), Status> {
    let (code, message) =
        codec::split(message).ok_or_else(|| Status::invalid_argument("a message is empty"))?;
    let method = Method::from_code(code).ok_or_else(|| {
        Status::unimplemented(format!("this node does not know method {code}: upgrade it"))
    })?;
    Ok((method, message))
}

fn nobody(method: Method) -> String {
    format!("this node does not answer {method:?}")
}
