//! Asks the others and acts, until this server belongs to a cluster.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_raft::{Handle, Peer};
use dkron_wire::server::{Candidate, PromiseAnswer, PromiseAsk};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::plan::{self, Step, View, Wait, plan};
use super::pledge::{Answering, Pledge};
use crate::cluster::{Book, ClusterId, Entry, Mark, Marked};
use crate::identity;
use crate::rpc::{Lane, Method, Router, Wire};

/// Between two looks, if nothing changes.
const PAUSE: Duration = Duration::from_millis(200);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// A state that does not change is said again after this time.
const REMIND: Duration = Duration::from_secs(60);

/// What the beginning needs.
#[derive(Clone)]
pub struct Parts {
    pub raft: Handle,
    pub wire: Arc<dyn Wire>,
    pub book: Book,
    pub mark: Arc<Mark>,
    pub pledge: Arc<Pledge>,
    /// This server: its id, name and where others reach it.
    pub own: Peer,
    pub region: String,
    /// Servers to wait for; 0 = it waits to be taken in.
    pub expect: u16,
}

/// Answers the questions of other servers.
pub fn register(router: Router, parts: Parts) -> Router {
    let parts = Arc::new(parts);
    router.call(Method::Promise, move |_caller, message| {
        let parts = Arc::clone(&parts);
        async move {
            let ask = PromiseAsk::decode(&message).map_err(|err| err.to_string())?;
            let is_member = is_member(&parts.raft);
            // A promise is written to the disk: not on a thread that others wait for.
            let answered = tokio::task::spawn_blocking(move || {
                let servers = parts.book.servers(&parts.region);
                let (expect, mark) = (parts.expect, &*parts.mark);
                let own = Answering { is_member, expect, mark, servers: &servers };
                parts.pledge.answer(&ask, &own)
            });
            let answer = answered.await.map_err(|err| err.to_string())?;
            let answer = answer.map_err(|err| format!("the promise was not written: {err}"))?;
            Ok(Bytes::from(answer.encode()))
        }
    })
}

fn is_member(raft: &Handle) -> bool {
    let metrics = raft.metrics();
    metrics.last_index.is_some() || metrics.applied_index.is_some()
}

/// Returns once this server belongs to a cluster. An error is one of its own disk.
pub async fn run(parts: Parts) -> io::Result<()> {
    let mut told = Told::default();
    let mut answers = BTreeMap::new();
    let mut book = parts.book.clone();
    loop {
        match look(&parts, &answers) {
            Step::Done => return belongs(&parts),
            Step::Wait(wait) => {
                told.say(&wait);
                // Who waits for a cluster still wants to know whether there is one.
                answers = ask(&parts, &others(&parts), &PromiseAsk::Look).await;
            }
            Step::Look(_) => answers = ask(&parts, &others(&parts), &PromiseAsk::Look).await,
            Step::Ask(ids) => {
                let own = candidate(&parts)?;
                answers = ask(&parts, &others(&parts), &PromiseAsk::Look).await;
                if !answers.values().any(|answer| matches!(answer, PromiseAnswer::Member { .. })) {
                    answers.extend(ask(&parts, &ids, &PromiseAsk::Promise(own)).await);
                }
            }
            Step::Withdraw => {
                if let Some(own) = parts.pledge.get() {
                    parts.pledge.withdraw()?;
                    answers = ask(&parts, &others(&parts), &PromiseAsk::Withdraw(own)).await;
                }
            }
            Step::Begin(ids) => begin(&parts, &ids).await?,
        }
        // Either is a reason to look again; a book that ends, ends with the node.
        tokio::select! {
            true = book.changed() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

fn look(parts: &Parts, answers: &BTreeMap<u64, PromiseAnswer>) -> Step {
    let promise = parts.pledge.get();
    let own = promise.as_ref().filter(|promise| promise.id == parts.own.id);
    let marked = match parts.mark.get() {
        None => plan::Marked::No,
        Some(mark) if own.is_some_and(|own| own.cluster == mark.cluster.0) => plan::Marked::Own,
        Some(_) => plan::Marked::Other,
    };
    plan(&View {
        own: parts.own.id,
        expect: parts.expect,
        is_member: is_member(&parts.raft),
        marked,
        promise: promise.as_ref(),
        servers: &parts.book.servers(&parts.region),
        answers,
    })
}

/// The living servers of the region but this one.
fn others(parts: &Parts) -> Vec<u64> {
    let servers = parts.book.servers(&parts.region).into_iter();
    servers.filter(|entry| entry.alive && entry.id != parts.own.id).map(|entry| entry.id).collect()
}

/// Asks all at once; who does not answer is missing in the result.
async fn ask(parts: &Parts, ids: &[u64], ask: &PromiseAsk) -> BTreeMap<u64, PromiseAnswer> {
    let message = Bytes::from(ask.encode());
    let mut asked = JoinSet::new();
    for target in ids.iter().filter_map(|id| parts.book.target(*id)) {
        let (lane, method) = (Lane::Control, Method::Promise);
        let call = parts.wire.call(&target, lane, method, message.clone(), PATIENCE);
        asked.spawn(async move { (target.id, call.await) });
    }
    let mut answers = BTreeMap::new();
    while let Some(answered) = asked.join_next().await {
        let Ok((id, answer)) = answered else { continue };
        match answer.map(|bytes| PromiseAnswer::decode(&bytes)) {
            Ok(Ok(answer)) => {
                answers.insert(id, answer);
            }
            Ok(Err(err)) => tracing::debug!(id, %err, "a promise was not understood"),
            Err(err) => tracing::debug!(id, %err, "a server did not say whether it is free"),
        }
    }
    answers
}

/// This server as the one that begins, with a promise of its own for it.
fn candidate(parts: &Parts) -> io::Result<Candidate> {
    if let Some(own) = parts.pledge.get().filter(|promise| promise.id == parts.own.id) {
        return Ok(own);
    }
    let cluster = identity::random().map_err(io::Error::other)?;
    let (id, name, expect) = (parts.own.id, parts.own.name.clone(), parts.expect);
    let own = Candidate { id, name, cluster, expect };
    parts.pledge.promise(own.clone())?;
    Ok(own)
}

/// The mark comes first: after a crash between the two this server still begins this cluster.
async fn begin(parts: &Parts, ids: &[u64]) -> io::Result<()> {
    let own = candidate(parts)?;
    let cluster = ClusterId(own.cluster);
    parts.mark.adopt(Marked { cluster, generation: 0 })?;
    let known: BTreeMap<u64, Entry> =
        parts.book.servers(&parts.region).into_iter().map(|entry| (entry.id, entry)).collect();
    let mut peers = vec![parts.own.clone()];
    for id in ids.iter().filter(|id| **id != parts.own.id) {
        // Who has gone in this very moment is waited for.
        let Some(entry) = known.get(id) else { return Ok(()) };
        let Some(address) = entry.rpc.clone() else { return Ok(()) };
        peers.push(Peer { id: *id, name: entry.name.clone(), address });
    }
    match parts.raft.initialize(&peers).await {
        Ok(true) => tracing::info!(%cluster, servers = peers.len(), "the cluster begins"),
        // It has begun already, and this server is about to see so.
        Ok(false) => {}
        Err(err) => tracing::error!(%err, "the cluster could not begin"),
    }
    Ok(())
}

/// A member whose directory bears no mark yet is one of the first, or comes from a version that
/// knew no marks and had one server.
fn belongs(parts: &Parts) -> io::Result<()> {
    if parts.mark.get().is_some() {
        return Ok(());
    }
    let promised = parts.pledge.get().map(|promise| promise.cluster);
    let membership = parts.raft.membership();
    let is_alone = membership.servers.iter().all(|server| server.peer.id == parts.own.id);
    let cluster = match promised {
        Some(cluster) => cluster,
        None if is_alone => identity::random().map_err(io::Error::other)?,
        None => return Ok(()),
    };
    parts.mark.adopt(Marked { cluster: ClusterId(cluster), generation: 0 })
}

/// Says what is waited for when it changes, and now and then again.
#[derive(Default)]
struct Told(Option<(String, Instant)>);

impl Told {
    fn say(&mut self, wait: &Wait) {
        let (text, now) = (wait.to_string(), Instant::now());
        if self.0.as_ref().is_some_and(|(said, at)| *said == text && now - *at < REMIND) {
            return;
        }
        match wait {
            Wait::OtherExpect { .. } | Wait::Promised { .. } => tracing::warn!("{text}"),
            _ => tracing::info!("{text}"),
        }
        self.0 = Some((text, now));
    }
}
