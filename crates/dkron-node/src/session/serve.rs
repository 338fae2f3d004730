//! The leader's side: one live stream for each node name, orders into it, news out of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::{Digest, NodeName, Tenure};
use dkron_core::worker::{News, ToLeader, ToNode};
use dkron_wire::session::{Answer, Greeting, Hint, VERSION, decode_greeting, encode_answer};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lent::Lent;
use super::{Inbound, OUTBOX, PATIENCE, stream};
use crate::cluster::Leader;
use crate::event::Event;
use crate::rpc::{Caller, Frames, Method, Role, Router};

/// A name that was heard within this time is taken: a node of another id does not get it.
const TAKEN: Duration = Duration::from_secs(3);
/// A server that knows no leader waits for one before it says so: the node asks less often, and
/// hears of it at once.
const NEWS: Duration = Duration::from_secs(1);

/// All sessions of a server. Clones share them.
#[derive(Clone)]
pub struct Sessions {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// The server's own worker has no stream.
    own: NodeName,
    hands: mpsc::Sender<Inbound>,
    streams: Mutex<Streams>,
    pub lent: Lent,
}

#[derive(Default)]
struct Streams {
    by_node: HashMap<NodeName, Stream>,
    last_no: u64,
}

/// One node's stream.
struct Stream {
    no: u64,
    id: u64,
    orders: mpsc::Sender<ToNode>,
    heard_at: Instant,
    end: CancellationToken,
}

/// What serving needs to know.
#[derive(Clone)]
pub struct ServeParts {
    pub shard: u32,
    pub leader: watch::Receiver<Leader>,
    pub events: mpsc::UnboundedSender<Event>,
}

impl Sessions {
    /// `hands` is the way to the server's own worker.
    pub fn new(own: NodeName, hands: mpsc::Sender<Inbound>) -> Sessions {
        let (streams, lent) = (Mutex::default(), Lent::default());
        Sessions { inner: Arc::new(Inner { own, hands, streams, lent }) }
    }

    /// Sends without waiting; false if there is no room or no way. The node then misses a number,
    /// says hello again and states what it knows, and the ledger still holds what it should know.
    pub fn send(&self, node: &NodeName, message: ToNode) -> bool {
        if *node == self.inner.own {
            return self.inner.hands.try_send(Inbound::Order(message)).is_ok();
        }
        let streams = self.inner.streams();
        let stream = streams.by_node.get(node);
        stream.is_some_and(|stream| stream.orders.try_send(message).is_ok())
    }

    /// Answers nodes that begin a session, and those that ask for a definition.
    #[must_use]
    pub fn register(&self, router: Router, parts: ServeParts) -> Router {
        let (own, lender) = (self.clone(), self.clone());
        router
            .stream(Method::Session, move |caller, frames| {
                own.clone().serve(caller, frames, parts.clone())
            })
            .call(Method::Definition, move |_, question| {
                let answer = lender.definition(&question);
                async move { answer }
            })
    }

    fn definition(&self, question: &[u8]) -> Result<Bytes, String> {
        let digest = <[u8; 32]>::try_from(question).map_err(|_| "this is no digest".to_owned())?;
        let lent = self.inner.lent.get(&Digest(digest));
        lent.ok_or_else(|| "this server has not lent that definition lately".to_owned())
    }

    async fn serve(self, caller: Caller, mut frames: Frames, mut parts: ServeParts) {
        let first = tokio::time::timeout(PATIENCE, frames.from.recv()).await;
        let Ok(Some(Ok(first))) = first else { return };
        let begun = match greeted(&first, &caller, parts.shard) {
            Ok(version) => match leading(&mut parts.leader).await {
                Ok(tenure) => self.enter(&caller, version, tenure),
                Err(hint) => Err(Answer::NotLeader(hint)),
            },
            Err(text) => Err(Answer::Refused(text)),
        };
        let talk = match begun {
            Ok(talk) => talk,
            Err(answer) => {
                if let Answer::Refused(reason) = &answer {
                    tracing::warn!(node = caller.name, reason, "a node's session is refused");
                }
                // Who has left needs no answer.
                let _ = frames.to.send(encode_answer(&answer).into()).await;
                return;
            }
        };
        let (version, tenure) = (talk.version, talk.tenure);
        let answer = encode_answer(&Answer::Taken { version, tenure });
        let (node, no, end) = (talk.node.clone(), talk.no, talk.end.clone());
        let reason = if frames.to.send(answer.into()).await.is_err() {
            "it has left"
        } else {
            tokio::select! {
                biased;
                () = end.cancelled() => "it has a newer stream",
                reason = stream::talk(&self, frames, talk, &parts.events) => reason,
                () = deposed(&mut parts.leader, tenure) => "this server leads no more",
            }
        };
        tracing::debug!(%node, reason, "a node's stream ended");
        if self.inner.leave(&node, no) {
            // The server ends if nobody listens.
            let _ = parts.events.send(Event::Parted(node));
        }
    }

    /// Takes the place of the node's former stream.
    fn enter(&self, caller: &Caller, version: u32, tenure: Tenure) -> Result<Talk, Answer> {
        let node = NodeName::from(caller.name.as_str());
        let taken = || {
            let text = format!("another node named {node} is alive: give this one another name");
            Answer::Refused(text)
        };
        if node == self.inner.own {
            return Err(taken());
        }
        let mut streams = self.inner.streams();
        if let Some(former) = streams.by_node.get(&node) {
            if former.id != caller.id && former.heard_at.elapsed() < TAKEN {
                return Err(taken());
            }
            former.end.cancel();
        }
        streams.last_no += 1;
        let (no, end) = (streams.last_no, CancellationToken::new());
        let (orders, inbox) = mpsc::channel(OUTBOX);
        let (id, heard_at) = (caller.id, Instant::now());
        let stream = Stream { no, id, orders, heard_at, end: end.clone() };
        streams.by_node.insert(node.clone(), stream);
        Ok(Talk { node, no, version, tenure, orders: inbox, end })
    }
}

/// What one stream is about.
pub(super) struct Talk {
    pub node: NodeName,
    pub no: u64,
    pub version: u32,
    pub tenure: Tenure,
    pub orders: mpsc::Receiver<ToNode>,
    pub end: CancellationToken,
}

impl Inner {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on what a node said, if this is still its stream: what an older one brings late would
    /// pass for news of the present session. `room` is given back once it was looked at.
    pub fn forward(
        &self,
        talk: (&NodeName, u64),
        messages: Vec<ToLeader>,
        room: OwnedSemaphorePermit,
        events: &mpsc::UnboundedSender<Event>,
    ) -> Result<(), &'static str> {
        let (node, no) = talk;
        let foreign = |message: &ToLeader| match &message.body {
            News::Hello(hello) => hello.node != *node,
            _ => false,
        };
        if messages.iter().any(foreign) {
            return Err("it speaks for another node");
        }
        let mut streams = self.streams();
        let stream = streams.by_node.get_mut(node).filter(|stream| stream.no == no);
        let Some(stream) = stream else { return Err("it has a newer stream") };
        stream.heard_at = Instant::now();
        let node = node.clone();
        let sent = events.send(Event::FromAfar { node, messages, room });
        sent.map_err(|_| "this server ends")
    }

    /// False if it has a newer stream.
    fn leave(&self, node: &NodeName, no: u64) -> bool {
        let mut streams = self.streams();
        let is_last = streams.by_node.get(node).is_some_and(|stream| stream.no == no);
        if is_last {
            streams.by_node.remove(node);
        }
        is_last
    }
}

/// The version to speak, or why there is nothing to be said.
fn greeted(first: &[u8], caller: &Caller, shard: u32) -> Result<u32, String> {
    let Greeting { shard: theirs, version } =
        decode_greeting(first).map_err(|err| err.to_string())?;
    if caller.role == Role::Operator || caller.name.is_empty() {
        return Err("only nodes have sessions".into());
    }
    if theirs != shard {
        return Err(format!("this is shard {shard}, not {theirs}"));
    }
    match version.min(VERSION) {
        0 => Err("it names no version to speak".into()),
        version => Ok(version),
    }
}

/// This server's tenure, or who leads.
async fn leading(leader: &mut watch::Receiver<Leader>) -> Result<Tenure, Option<Hint>> {
    let somebody = leader.wait_for(|leader| *leader != Leader::None);
    let leader = match tokio::time::timeout(NEWS, somebody).await {
        Ok(Ok(leader)) => leader.clone(),
        _ => return Err(None),
    };
    match leader {
        Leader::Own { tenure } => Ok(tenure),
        Leader::Other { name, target } => {
            let (id, address, tenure) = (target.id, target.address, Tenure(0));
            Err(Some(Hint { id, name, address, tenure }))
        }
        Leader::None => Err(None),
    }
}

/// Waits until this leadership is over.
async fn deposed(leader: &mut watch::Receiver<Leader>, tenure: Tenure) {
    // Nobody tells any more: the server ends.
    let _ = leader.wait_for(|leader| *leader != Leader::Own { tenure }).await;
}
