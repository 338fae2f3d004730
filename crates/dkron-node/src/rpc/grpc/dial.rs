//! From an address to a connection over which the other side answers.

use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dkron_wire::hello::{Greeting, Hello};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::http::uri::PathAndQuery;
use hyper::http::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::{BoxFuture, Service};
use tonic::{Code, Status};

use super::codec::{Message, Raw};
use super::greeting::{self, End};
use super::identity::Identity;
use super::{
    CONNECTION_WINDOW, DIAL_PATIENCE, GREETING_MAX, HELLO, KEEP_ALIVE, KEEP_ALIVE_PATIENCE,
    MESSAGE_MAX, STREAM_WINDOW,
};
use crate::cluster::Marked;
use crate::rpc::{CallError, Target};

/// A name that is not resolved by then is a dial that failed.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(2);
/// LIMIT: addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// A connection whose greeting is over.
pub(super) struct Connection {
    line: Line,
    /// What the other side said of itself.
    pub other: Hello,
    /// The cluster that this side named.
    pub said: Option<Marked>,
}

impl Connection {
    pub fn is_closed(&self) -> bool {
        self.line.0.is_closed()
    }

    pub fn grpc(&self) -> Grpc<Line> {
        self.line.grpc(MESSAGE_MAX)
    }
}

/// The client's end as the framing of gRPC wants it.
#[derive(Clone)]
pub(super) struct Line(SendRequest<Body>);

impl Line {
    pub(super) fn grpc(&self, message_max: usize) -> Grpc<Line> {
        // The other side does not look at it, but HTTP wants one.
        Grpc::with_origin(self.clone(), Uri::from_static("http://node"))
            .max_decoding_message_size(message_max)
    }
}

impl Service<Request<Body>> for Line {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<Response<Incoming>, hyper::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// Resolves the address and tries what it means, one after another.
pub(super) async fn dial(own: &Identity, target: &Target) -> Result<Connection, CallError> {
    let mut failed = unreachable(format!("`{}` has no address", target.address));
    for address in resolve(&target.address).await? {
        match timeout(DIAL_PATIENCE, connect(own, target, address)).await {
            Ok(Ok(connection)) => return Ok(connection),
            // That somebody refuses tells more than that another one is not there.
            _ if matches!(failed, CallError::Refused(_)) => {}
            Ok(Err(err)) => failed = err,
            Err(_) => failed = unreachable(format!("{address} does not answer")),
        }
    }
    Err(failed)
}

async fn resolve(address: &str) -> Result<Vec<SocketAddr>, CallError> {
    let found = match timeout(RESOLVE_PATIENCE, tokio::net::lookup_host(address)).await {
        Ok(Ok(found)) => found,
        Ok(Err(err)) => return Err(unreachable(format!("failed to resolve `{address}`: {err}"))),
        Err(_) => return Err(unreachable(format!("no name server answers for `{address}`"))),
    };
    Ok(found.take(ADDRESSES_MAX).collect())
}

async fn connect(
    own: &Identity,
    target: &Target,
    address: SocketAddr,
) -> Result<Connection, CallError> {
    let line = line(address).await?;
    greet(own, target, address, line).await
}

/// A connection on which nothing was said.
pub(super) async fn line(address: SocketAddr) -> Result<Line, CallError> {
    let failed = |err: &dyn std::error::Error| unreachable(format!("{address}: {err}"));
    let socket = TcpStream::connect(address).await.map_err(|err| failed(&err))?;
    socket.set_nodelay(true).map_err(|err| failed(&err))?;
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_PATIENCE)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|err| failed(&err))?;
    tokio::spawn(async move {
        if let Err(err) = connection.await {
            tracing::debug!(%address, %err, "rpc: a connection broke");
        }
    });
    Ok(Line(sender))
}

/// Nothing else is said before both sides know each other.
async fn greet(
    own: &Identity,
    target: &Target,
    address: SocketAddr,
    line: Line,
) -> Result<Connection, CallError> {
    // Before the hello is made: if it changes meanwhile, the connection is already stale.
    let said = own.marked();
    let hello = greeting::own(own);
    let bytes = hello.encode();
    let answer = say(&line, address, Greeting::Hello(bytes.clone())).await?;
    let Greeting::Welcome { hello: theirs, version, proof } = answer else {
        return Err(unreachable(format!("{address} answers a hello with something else")));
    };
    let other = Hello::decode(&theirs).map_err(|err| refused(address, err.to_string()))?;
    let agreed = greeting::judge(&hello, &other).map_err(|text| refused(address, text))?;
    if agreed != version {
        return Err(refused(address, format!("`{}` chose protocol {version}", other.name)));
    }
    if target.id != 0 && other.id != target.id {
        return Err(unreachable(format!(
            "`{}` with id {:016x} answers at {address}, not id {:016x}",
            other.name, other.id, target.id
        )));
    }
    if let Some(key) = &own.key {
        let expected = greeting::proof(key, End::Acceptor, &bytes, &theirs);
        if !proof.is_some_and(|proof| expected == proof) {
            let text = format!("`{}` has another key (`encrypt`)", other.name);
            return Err(refused(address, text));
        }
        let proof = greeting::proof(key, End::Dialer, &bytes, &theirs);
        let answer = say(&line, address, Greeting::Proof(*proof.as_bytes())).await?;
        if answer != Greeting::Done {
            return Err(unreachable(format!("{address} answers a proof with something else")));
        }
    }
    Ok(Connection { line, other, said })
}

async fn say(line: &Line, address: SocketAddr, words: Greeting) -> Result<Greeting, CallError> {
    let message = Message::plain(Bytes::from(words.encode()));
    let mut grpc = line.grpc(GREETING_MAX);
    let path = PathAndQuery::from_static(HELLO);
    let answer = grpc.unary(tonic::Request::new(message), path, Raw).await;
    let answer = answer.map_err(|status| no_greeting(address, &status))?.into_inner();
    match Greeting::decode(&answer) {
        Ok(Greeting::Refused(text)) => Err(refused(address, text)),
        Ok(answer) => Ok(answer),
        Err(err) => Err(refused(address, err.to_string())),
    }
}

fn no_greeting(address: SocketAddr, status: &Status) -> CallError {
    match status.code() {
        Code::Unimplemented => refused(
            address,
            "it serves gRPC, but not this one: another program, or a Dkron of another kind, \
             which can not be in one cluster with this node"
                .into(),
        ),
        _ => unreachable(format!("{address}: {}", status.message())),
    }
}

fn unreachable(text: String) -> CallError {
    CallError::Unreachable(text)
}

fn refused(address: SocketAddr, text: String) -> CallError {
    CallError::Refused(format!("{text} (at {address})"))
}
