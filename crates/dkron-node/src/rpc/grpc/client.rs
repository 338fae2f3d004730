//! The dialling side: [`Wire`] over sockets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dkron_wire::hello::Hello;
use hyper::http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt as _, once};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Request, Status, Streaming};

use super::codec::{self, Message, Raw};
use super::complaints::Complaints;
use super::dial::Connection;
use super::identity::Identity;
use super::peer::Peer;
use super::pump::{broke, pump};
use super::thread::IoThread;
use super::{CALL, OPEN, greeting};
use crate::rpc::{
    BoxFuture, CallError, FRAME_MAX, FRAMES_AHEAD, Frames, Lane, Method, Role, Target, Wire,
};

/// LIMIT: peers that are kept in mind; those without a connection are forgotten first.
const PEERS_MAX: usize = 1024;

/// Its connections close with it. Usable from any runtime.
pub struct Client {
    thread: IoThread,
    inner: Arc<Inner>,
}

struct Inner {
    own: Arc<Identity>,
    complaints: Arc<Complaints>,
    peers: Mutex<HashMap<Key, Arc<Peer>>>,
}

/// A node is known by its id wherever it is; who is dialled without one, by the address.
type Key = (Result<u64, String>, Lane);

impl Client {
    pub fn new(thread: &IoThread, identity: Arc<Identity>) -> Client {
        let inner = Inner { own: identity, complaints: Arc::default(), peers: Mutex::default() };
        Client { thread: thread.clone(), inner: Arc::new(inner) }
    }

    /// Runs a part of the work on the thread of the sockets; dropping the future gives it up.
    fn there<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, CallError>> + Send + 'static,
    ) -> BoxFuture<Result<T, CallError>> {
        let task = AbortOnDropHandle::new(self.thread.handle().spawn(work));
        Box::pin(async move {
            task.await.unwrap_or_else(|err| {
                Err(CallError::NoAnswer(format!("this node does not send any more: {err}")))
            })
        })
    }
}

impl Wire for Client {
    fn call(
        &self,
        to: &Target,
        lane: Lane,
        method: Method,
        message: Bytes,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, CallError>> {
        if message.len() > FRAME_MAX {
            let text = format!("a message of {} bytes is too long to be sent", message.len());
            return Box::pin(std::future::ready(Err(CallError::Refused(text))));
        }
        let (inner, to) = (Arc::clone(&self.inner), to.clone());
        self.there(async move { inner.call(&to, lane, method, message, patience).await })
    }

    fn open(
        &self,
        to: &Target,
        lane: Lane,
        method: Method,
        patience: Duration,
    ) -> BoxFuture<Result<Frames, CallError>> {
        let (inner, to) = (Arc::clone(&self.inner), to.clone());
        self.there(async move { inner.open(&to, lane, method, patience).await })
    }
}

impl Inner {
    async fn call(
        &self,
        to: &Target,
        lane: Lane,
        method: Method,
        message: Bytes,
        patience: Duration,
    ) -> Result<Bytes, CallError> {
        let until = Instant::now() + patience;
        let ask = |connection: &Connection| -> BoxFuture<Result<Bytes, Status>> {
            let mut grpc = connection.grpc();
            let request = Message::headed(method as u8, message.clone());
            let path = PathAndQuery::from_static(CALL);
            Box::pin(
                async move { Ok(grpc.unary(Request::new(request), path, Raw).await?.into_inner()) },
            )
        };
        let (answer, _) = self.asked(to, lane, until, ask).await?;
        answered(answer)
    }

    async fn open(
        &self,
        to: &Target,
        lane: Lane,
        method: Method,
        patience: Duration,
    ) -> Result<Frames, CallError> {
        let until = Instant::now() + patience;
        let ask = |connection: &Connection| -> BoxFuture<Result<_, Status>> {
            let mut grpc = connection.grpc();
            let (sender, frames) = mpsc::channel(FRAMES_AHEAD);
            let head = once(Message::headed(method as u8, Bytes::new()));
            let messages = head.chain(ReceiverStream::new(frames).map(Message::plain));
            let path = PathAndQuery::from_static(OPEN);
            Box::pin(async move {
                let stream = grpc.streaming(Request::new(messages), path, Raw).await?;
                let mut stream: Streaming<Bytes> = stream.into_inner();
                let first = stream.message().await?;
                Ok((sender, stream, first))
            })
        };
        let ((sender, stream, first), connection) = self.asked(to, lane, until, ask).await?;
        answered(first.unwrap_or_default())?;
        if method == Method::Session {
            self.adopt(&connection.other).await?;
        }
        let (outbox, inbox) = mpsc::channel(FRAMES_AHEAD);
        tokio::spawn(pump(stream, outbox));
        Ok(Frames { to: sender, from: inbox })
    }

    /// Asks over a connection; once more if the other side wants to be greeted again.
    async fn asked<T>(
        &self,
        to: &Target,
        lane: Lane,
        until: Instant,
        ask: impl Fn(&Connection) -> BoxFuture<Result<T, Status>> + Send,
    ) -> Result<(T, Arc<Connection>), CallError> {
        let peer = self.peer(to, lane);
        let mut is_second = false;
        loop {
            let connection = timeout_at(until, peer.connection(&self.own, &self.complaints, to));
            let connection = connection.await.unwrap_or_else(|_| {
                Err(CallError::Unreachable(format!("no connection to {} in time", to.address)))
            })?;
            match timeout_at(until, ask(&connection)).await {
                Ok(Ok(answer)) => return Ok((answer, connection)),
                Ok(Err(status)) if status.code() == Code::Aborted && !is_second => {
                    peer.forget(&connection);
                    is_second = true;
                }
                Ok(Err(status)) => return Err(failure(&status)),
                Err(_) => {
                    let text = format!("`{}` did not answer in time", connection.other.name);
                    return Err(CallError::NoAnswer(text));
                }
            }
        }
    }

    fn peer(&self, to: &Target, lane: Lane) -> Arc<Peer> {
        let id = if to.id == 0 { Err(to.address.clone()) } else { Ok(to.id) };
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS_MAX {
            peers.retain(|_, peer| Arc::strong_count(peer) > 1 || !peer.is_idle());
        }
        Arc::clone(peers.entry((id, lane)).or_default())
    }

    /// A node without a cluster belongs to that of the leader it has a session with.
    async fn adopt(&self, other: &Hello) -> Result<(), CallError> {
        let marked =
            greeting::marked(other).filter(|_| greeting::role(other.role) == Some(Role::Server));
        let (Some(marked), Some(mark)) = (marked, self.own.mark.clone()) else { return Ok(()) };
        if mark.get() == Some(marked) {
            return Ok(());
        }
        let adopted = tokio::task::spawn_blocking(move || match mark.get() {
            // The greeting lets agents alone come here with an older one.
            Some(old) if old.cluster == marked.cluster => {
                mark.raise_generation(marked.generation).map(drop)
            }
            _ => mark.adopt(marked),
        });
        let adopted = adopted.await;
        adopted
            .unwrap_or_else(|err| Err(std::io::Error::other(err)))
            .map_err(|err| CallError::Unreachable(format!("failed to join the cluster: {err}")))
    }
}

fn answered(message: Bytes) -> Result<Bytes, CallError> {
    match codec::split(message) {
        Some((codec::ANSWER, answer)) => Ok(answer),
        Some((codec::REFUSAL, text)) => {
            Err(CallError::Refused(String::from_utf8_lossy(&text).into_owned()))
        }
        _ => Err(CallError::NoAnswer("the answer can not be read".into())),
    }
}

/// What came instead of an answer.
fn failure(status: &Status) -> CallError {
    match status.code() {
        Code::Unimplemented
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unauthenticated => CallError::Refused(status.message().to_owned()),
        _ => broke(status),
    }
}
