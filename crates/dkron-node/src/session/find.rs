//! Where the leader is: servers know, or wait to know; agents ask all servers at once and follow
//! their hints.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::Tenure;
use dkron_wire::session::{Answer, Greeting, Hint, VERSION, decode_answer, encode_greeting};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::PATIENCE;
use crate::cluster::{Book, Leader};
use crate::event::Event;
use crate::rpc::{CallError, Frames, Lane, Method, Target, Wire};

/// How soon a server is asked again; twice as long each time, up to the next two.
const AGAIN: Duration = Duration::from_millis(100);
/// A server that answers that somebody else leads, or nobody.
const ANSWERED: Duration = Duration::from_secs(1);
/// A server that does not answer.
const SILENT: Duration = Duration::from_secs(5);
/// LIMIT: hints of who leads that are looked at in one go.
const HINTS: usize = 16;

/// What a node knows of its leader.
pub enum Guide {
    /// A server hears from consensus; `events` leads to its own conductor.
    Server { leader: watch::Receiver<Leader>, events: mpsc::UnboundedSender<Event> },
    /// An agent knows servers only: those of its region that gossip shows.
    Agent { book: Book, region: String },
}

/// A stream on which the leader has taken the node.
pub(super) struct Link {
    pub frames: Frames,
    pub target: Target,
    pub version: u32,
}

impl Guide {
    /// Whom to ask.
    fn targets(&mut self) -> Vec<Target> {
        match self {
            Guide::Server { leader, .. } => match &*leader.borrow_and_update() {
                Leader::Other { target, .. } => vec![target.clone()],
                Leader::Own { .. } | Leader::None => Vec::new(),
            },
            Guide::Agent { book, region } => {
                let servers = book.servers(region).into_iter().filter(|server| !server.left);
                servers.filter_map(|one| one.target()).collect()
            }
        }
    }

    fn leader(&self) -> Option<watch::Receiver<Leader>> {
        match self {
            Guide::Server { leader, .. } => Some(leader.clone()),
            Guide::Agent { .. } => None,
        }
    }

    /// Waits until this server leads itself.
    pub fn own(&self) -> impl Future<Output = Tenure> + use<> {
        let leader = self.leader();
        async move {
            if let Some(mut leader) = leader
                && let Ok(own) = leader.wait_for(Leader::is_own).await
                && let Leader::Own { tenure } = &*own
            {
                return *tenure;
            }
            // An agent leads never, and a server that ends not any more.
            std::future::pending().await
        }
    }

    /// Waits until somebody else than that server is known to lead.
    pub fn elsewhere(&self, id: u64) -> impl Future<Output = ()> + use<> {
        let leader = self.leader();
        let moved = move |leader: &Leader| match leader {
            Leader::None => false,
            Leader::Own { .. } => true,
            Leader::Other { target, .. } => target.id != id,
        };
        async move {
            if let Some(mut leader) = leader
                && leader.wait_for(moved).await.is_ok()
            {
                return;
            }
            std::future::pending().await
        }
    }

    /// Waits until there may be others to ask.
    async fn changed(&mut self) {
        let more = match self {
            Guide::Server { leader, .. } => leader.changed().await.is_ok(),
            Guide::Agent { book, .. } => book.changed().await,
        };
        if !more {
            std::future::pending().await
        }
    }
}

/// Asks everybody until one takes the node.
pub(super) async fn find(guide: &mut Guide, wire: &Arc<dyn Wire>, shard: u32) -> Link {
    loop {
        let targets = guide.targets();
        let asking = ask_all(&targets, wire, shard);
        let changed = async {
            loop {
                guide.changed().await;
                if guide.targets() != targets {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            link = asking => return link,
            () = changed => {}
        }
    }
}

async fn ask_all(targets: &[Target], wire: &Arc<dyn Wire>, shard: u32) -> Link {
    let (hints, mut hinted) = mpsc::channel(HINTS);
    let mut asked: BTreeSet<Target> = targets.iter().cloned().collect();
    let mut asking = JoinSet::new();
    for target in &asked {
        asking.spawn(ask(target.clone(), Arc::clone(wire), shard, hints.clone()));
    }
    loop {
        tokio::select! {
            biased;
            Some(Ok(link)) = asking.join_next() => return link,
            Some(Hint { id, address, .. }) = hinted.recv() => {
                let target = Target { id, address };
                let known = asked.iter().any(|asked| asked.id == id);
                if !known && asked.len() < targets.len() + HINTS {
                    asked.insert(target.clone());
                    asking.spawn(ask(target, Arc::clone(wire), shard, hints.clone()));
                }
            }
        }
    }
}

/// Asks one server until it takes the node.
async fn ask(target: Target, wire: Arc<dyn Wire>, shard: u32, hints: mpsc::Sender<Hint>) -> Link {
    let (mut pause, mut refused) = (AGAIN, String::new());
    loop {
        let most = match knock(&target, &wire, shard).await {
            Ok(Knocked::Taken(link)) => return link,
            Ok(Knocked::NotLeader(hint)) => {
                // With so many hints on their way another one is not missed.
                hint.into_iter().for_each(|hint| drop(hints.try_send(hint)));
                ANSWERED
            }
            Ok(Knocked::Refused(reason)) => {
                if reason != refused {
                    tracing::warn!(server = target.address, reason, "the leader refuses this node");
                    refused = reason;
                }
                ANSWERED
            }
            Err(reason) => {
                tracing::debug!(server = target.address, %reason, "a server does not answer");
                SILENT
            }
        };
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(most);
    }
}

enum Knocked {
    Taken(Link),
    NotLeader(Option<Hint>),
    Refused(String),
}

async fn knock(target: &Target, wire: &Arc<dyn Wire>, shard: u32) -> Result<Knocked, CallError> {
    let greeting = encode_greeting(Greeting { shard, version: VERSION });
    let opened = wire.open(target, Lane::Control, Method::Session, PATIENCE).await;
    let mut frames = opened?;
    let gone = || CallError::NoAnswer("the stream ended".into());
    frames.to.send(greeting.into()).await.map_err(|_| gone())?;
    let answer = tokio::time::timeout(PATIENCE, frames.from.recv()).await;
    let answer = answer.map_err(|_| CallError::NoAnswer("nothing came in time".into()))?;
    let answer = decode_answer(&answer.ok_or_else(gone)??);
    Ok(match answer.map_err(|err| CallError::Refused(err.to_string()))? {
        Answer::Taken { version, .. } => {
            Knocked::Taken(Link { frames, target: target.clone(), version })
        }
        Answer::NotLeader(hint) => Knocked::NotLeader(hint),
        Answer::Refused(text) => Knocked::Refused(text),
    })
}
