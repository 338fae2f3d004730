//! Reads on any server: from which index on the local rows may be shown as the present.
//!
//! ```text
//!   leader     in office, lease not over                      ─► what the reader has seen
//!   follower   all that wait ─► one question to the leader ─► index ─► until the reader saw it
//! ```
//!
//! A write is answered once the leader's reader has seen it, so the index of that reader is enough
//! for everybody. Whoever hears nothing for two seconds shows what there is, and says so.

mod ask;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::{LogIndex, Tenure};
use dkron_raft::{Epoch, Handle};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::rpc::{Method, Router};
use crate::service::{Error, Freshness, ReadMode};
pub use ask::{Asking, run};

/// How long a read waits for its index.
const PATIENCE: Duration = Duration::from_secs(2);
/// LIMIT: reads that wait for an index; the next one is refused.
const READS: usize = 8_192;
/// LIMIT: reads that wait for an index that their client names; the next one is refused. Each entry
/// wakes all of them.
const NAMED: usize = 1_024;

/// A leadership as the reader has seen it begin: all entries before it are in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Office {
    pub tenure: Tenure,
    /// None where consensus does not run, in tests.
    pub epoch: Option<Epoch>,
}

/// Whether a leadership still stands at this instant, by its lease.
pub type Lease = Arc<dyn Fn(Office) -> bool + Send + Sync>;

/// Somebody waits for an index.
pub(super) type Question = oneshot::Sender<LogIndex>;

/// The reader's end: what it has seen.
pub struct Telling {
    index: watch::Sender<LogIndex>,
    office: watch::Sender<Option<Office>>,
}

/// Its other end.
#[derive(Clone)]
pub struct Told {
    /// Rows and releases up to there are done.
    pub index: watch::Receiver<LogIndex>,
    pub office: watch::Receiver<Option<Office>>,
}

impl Telling {
    /// Of a reader whose index begins there.
    pub fn new(index: LogIndex) -> (Telling, Told) {
        let (index, seen) = watch::channel(index);
        let (office, held) = watch::channel(None);
        (Telling { index, office }, Told { index: seen, office: held })
    }

    /// Everything up to there is shown from now on.
    pub fn index(&self, index: LogIndex) {
        if *self.index.borrow() != index {
            self.index.send_replace(index);
        }
    }

    /// Only after the index of its first entry.
    pub fn office(&self, office: Option<Office>) {
        self.office.send_replace(office);
    }
}

/// What this server has seen, and whether it leads.
#[derive(Clone)]
pub struct Seen {
    pub told: Told,
    pub lease: Lease,
}

impl Seen {
    pub fn new(told: Told, raft: Handle) -> Seen {
        let stands = move |office: Office| office.epoch.is_some_and(|epoch| raft.leads(epoch));
        Seen { told, lease: Arc::new(stands) }
    }

    /// The index that a read must have seen, if this server can say so.
    pub fn own_index(&self) -> Option<LogIndex> {
        let office = (*self.told.office.borrow())?;
        let index = *self.told.index.borrow();
        // Last: at this instant no other server can have acknowledged anything newer.
        (self.lease)(office).then_some(index)
    }
}

/// What the front door asks before it reads. A cheap clone.
#[derive(Clone)]
pub struct Reads {
    seen: Seen,
    questions: mpsc::Sender<Question>,
    named: Arc<Semaphore>,
}

impl Reads {
    /// The asking end, and what `run` needs to serve it.
    pub fn new(seen: Seen) -> (Reads, mpsc::Receiver<Question>) {
        let (questions, inbox) = mpsc::channel(READS);
        (Reads { seen, questions, named: Arc::new(Semaphore::new(NAMED)) }, inbox)
    }

    /// Waits until what this server shows is at least as new as the call.
    pub async fn fresh(&self, mode: ReadMode) -> Result<Freshness, Error> {
        if let Some(index) = self.seen.own_index() {
            return Ok(Freshness { index, stale: false });
        }
        if mode != ReadMode::Local {
            match timeout(PATIENCE, self.wait()).await {
                Ok(Ok(index)) => return Ok(Freshness { index, stale: false }),
                Ok(Err(Error::Busy)) => return Err(Error::Busy),
                _ if mode == ReadMode::Consistent => return Err(Error::Stale),
                _ => {}
            }
        }
        let index = *self.seen.told.index.borrow();
        Ok(Freshness { index, stale: true })
    }

    /// Waits until this server has seen the log up to `index`.
    pub async fn reached(&self, index: LogIndex, patience: Duration) -> Result<(), Error> {
        let mut seen = self.seen.told.index.clone();
        if *seen.borrow() >= index {
            return Ok(());
        }
        let _place = self.named.try_acquire().map_err(|_| Error::Busy)?;
        match timeout(patience, seen.wait_for(|seen| *seen >= index)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::Stopping),
            Err(_) => Err(Error::Behind { index, seen: *self.seen.told.index.borrow() }),
        }
    }

    async fn wait(&self) -> Result<LogIndex, Error> {
        let (question, answer) = oneshot::channel();
        self.questions.try_send(question).map_err(|err| match err {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Stopping,
        })?;
        let index = answer.await.map_err(|_| Error::Stopping)?;
        let mut seen = self.seen.told.index.clone();
        let seen = seen.wait_for(|seen| *seen >= index).await;
        seen.map(|seen| *seen).map_err(|_| Error::Stopping)
    }
}

/// Answers other servers that ask for an index.
#[must_use]
pub fn register(router: Router, seen: Seen) -> Router {
    router.call(Method::ReadIndex, move |_, _| {
        let index = seen.own_index();
        async move {
            let index = index.ok_or("this server does not lead")?;
            Ok(Bytes::from(dkron_wire::encode_read_index(index)))
        }
    })
}
