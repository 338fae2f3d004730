//! Nodes within one process, for tests: what is said arrives in order, unless a test cuts the way.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    BoxFuture, CallError, Caller, FRAMES_AHEAD, Frames, Lane, Method, Router, Target, Wire,
};

/// All nodes by id.
#[derive(Clone, Default)]
pub struct Hub {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    routers: HashMap<u64, Router>,
    cut: HashSet<(u64, u64)>,
    mute: HashSet<u64>,
    calls: usize,
}

impl Hub {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node takes its place, or comes back.
    pub fn serve(&self, id: u64, router: Router) {
        self.inner().routers.insert(id, router);
    }

    /// A node is gone.
    pub fn remove(&self, id: u64) {
        self.inner().routers.remove(&id);
    }

    /// Nothing said by `from` reaches `to` any more; going streams see it with the next frame.
    pub fn cut(&self, from: u64, to: u64) {
        self.inner().cut.insert((from, to));
    }

    /// A machine that is gone without a word: going streams stay open and bring nothing any more,
    /// new ones are not answered.
    pub fn mute(&self, id: u64) {
        self.inner().mute.insert(id);
    }

    /// Questions that were asked, by anybody.
    pub fn calls(&self) -> usize {
        self.inner().calls
    }

    pub fn heal(&self) {
        self.inner().cut.clear();
    }

    /// The way out for one node.
    pub fn wire(&self, own: Caller) -> Arc<dyn Wire> {
        Arc::new(Line { hub: self.clone(), own })
    }

    fn is_cut(&self, from: u64, to: u64) -> bool {
        self.inner().cut.contains(&(from, to))
    }

    fn is_mute(&self, from: u64, to: u64) -> bool {
        let inner = self.inner();
        inner.mute.contains(&from) || inner.mute.contains(&to)
    }

    fn router(&self, from: u64, to: u64) -> Result<Router, CallError> {
        let inner = self.inner();
        let open = !inner.cut.contains(&(from, to)) && !inner.mute.contains(&to);
        let there = inner.routers.get(&to).filter(|_| open);
        there.cloned().ok_or_else(|| CallError::Unreachable(format!("no node {to}")))
    }
}

struct Line {
    hub: Hub,
    own: Caller,
}

impl Wire for Line {
    fn call(
        &self,
        to: &Target,
        _lane: Lane,
        method: Method,
        message: Bytes,
        patience: Duration,
    ) -> BoxFuture<Result<Bytes, CallError>> {
        let (hub, own, to) = (self.hub.clone(), self.own.clone(), to.id);
        Box::pin(async move {
            let from = own.id;
            hub.inner().calls += 1;
            let handler = hub.router(from, to)?.handler(method);
            let handler = handler.ok_or_else(|| CallError::Refused(format!("{method:?}")))?;
            let answer = tokio::time::timeout(patience, handler(own, message)).await;
            match answer {
                Ok(Ok(answer)) if !hub.is_cut(to, from) => Ok(answer),
                Ok(Err(reason)) if !hub.is_cut(to, from) => Err(CallError::Refused(reason)),
                _ => Err(CallError::NoAnswer("nothing came in time".into())),
            }
        })
    }

    fn open(
        &self,
        to: &Target,
        _lane: Lane,
        method: Method,
        _patience: Duration,
    ) -> BoxFuture<Result<Frames, CallError>> {
        let (hub, own, to) = (self.hub.clone(), self.own.clone(), to.id);
        Box::pin(async move {
            let from = own.id;
            let handler = hub.router(from, to)?.stream_handler(method);
            let handler = handler.ok_or_else(|| CallError::Refused(format!("{method:?}")))?;
            let (here, there) = (pipe(&hub, from, to), pipe(&hub, to, from));
            tokio::spawn(handler(own, Frames { to: there.0, from: here.1 }));
            Ok(Frames { to: here.0, from: there.1 })
        })
    }
}

type Pipe = (mpsc::Sender<Bytes>, mpsc::Receiver<Result<Bytes, CallError>>);

fn pipe(hub: &Hub, from: u64, to: u64) -> Pipe {
    let (sender, mut inbox) = mpsc::channel(FRAMES_AHEAD);
    let (outbox, receiver) = mpsc::channel(FRAMES_AHEAD);
    let hub = hub.clone();
    tokio::spawn(async move {
        while let Some(frame) = inbox.recv().await {
            if hub.is_cut(from, to) {
                let broke = CallError::NoAnswer("the way is cut".into());
                // Who left does not want to know.
                let _ = outbox.send(Err(broke)).await;
                return;
            }
            if hub.is_mute(from, to) {
                continue;
            }
            if outbox.send(Ok(frame)).await.is_err() {
                return;
            }
        }
    });
    (sender, receiver)
}
