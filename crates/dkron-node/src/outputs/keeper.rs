//! Counts who refers to stored outputs, and lets those go that nobody refers to.
//!
//! The history's rows are deleted by their keys alone, so somebody has to know which of them had a
//! stored output. The keeper does: it reads all rows once after the start and then follows what
//! the scheduling thread tells. Nobody else counts references, and nobody waits for the keeper.
//! Outputs that still wait for processors need no count of their own: until the replacement comes,
//! the row refers to the original.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dkron_core::ledger::Row;
use dkron_store::blob::{Blobs, Digest};
use dkron_store::state::{Keyspace, Scan, State};
use dkron_wire::Table;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::changes::{Change, Key, Shared, Teller, Told, digest_of};
use crate::error::Error;

/// How often segments are looked at that nobody refers to. The first time is that long after the
/// start, too: the log is replayed by then, and the nodes have stated what they know.
const SWEEP: Duration = Duration::from_secs(600);
/// Rows read at once at the start.
const PAGE: usize = 1_024;

/// The thread's state.
pub struct Keeper {
    blobs: Arc<Blobs>,
    inbox: mpsc::UnboundedReceiver<Told>,
    shared: Arc<Shared>,
    /// What each row refers to; only rows whose output is here.
    digests: HashMap<Key, Digest>,
    /// Whether all rows were read.
    is_counted: bool,
}

/// What is left of what was told.
enum Drained {
    Open,
    Anew(Arc<State>),
    /// Nobody can tell anything any more.
    Closed,
}

impl Keeper {
    /// The keeper, and the end at which it is told of changes. It must hear of all rows that are
    /// pushed from now on.
    pub fn new(blobs: Arc<Blobs>) -> (Keeper, Teller) {
        let (sender, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        // One for the rows that are not read yet.
        shared.watched.store(1, Ordering::Relaxed);
        let teller = Teller::new(Arc::clone(&shared), sender);
        (Keeper { blobs, inbox, shared, digests: HashMap::new(), is_counted: false }, teller)
    }

    /// Runs until nobody can tell it anything any more.
    pub async fn run(mut self, state: Arc<State>) {
        self.count(state);
        let mut sweep = tokio::time::interval_at(Instant::now() + SWEEP, SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = self.inbox.recv() => match told {
                    Some(Told::Changes(changes)) => self.take(&changes),
                    Some(Told::Anew(state)) => self.anew(state),
                    None => return,
                },
                _ = sweep.tick() => self.sweep(),
            }
        }
    }

    fn anew(&mut self, state: Arc<State>) {
        self.forget();
        self.count(state);
    }

    /// Counts what the state holds, and again if it becomes another one meanwhile. Nothing is
    /// removed before it is over, and nothing at all when it can not be read.
    fn count(&mut self, state: Arc<State>) {
        let mut counted = Some(state);
        while let Some(state) = counted.take() {
            match self.begin(&state) {
                Ok(anew) => counted = anew,
                Err(err) => {
                    let error = &err as &dyn std::error::Error;
                    tracing::error!(error, "stored outputs can not be counted: none is removed");
                }
            }
        }
    }

    /// Counts while the state goes on changing. Changes are taken between pages only: a page shows
    /// everything that was told before it was read, so it is never older than what was taken, and
    /// what is taken after it leads to the last change of each row. Returns what to begin anew
    /// with, if the state was replaced.
    fn begin(&mut self, state: &State) -> Result<Option<Arc<State>>, Error> {
        let (mut after, mut missing) = (None::<Vec<u8>>, 0_usize);
        let mut is_more = self.blobs.stats().blobs > 0;
        while is_more {
            let scan = Scan::prefix(b"", PAGE).after(after.as_deref());
            let page = state.scan(Keyspace::History, scan)?;
            let before = self.digests.len();
            for (key, value) in &page {
                let row = dkron_wire::row::decode(Table::History, key, value)?;
                let Row::History { no, record } = row else { continue };
                if let Some(digest) = digest_of(&record) {
                    missing += usize::from(!self.set((record.job_no, no), Some(digest)));
                }
            }
            self.watch(before, 0);
            match self.drain() {
                Drained::Open => {}
                Drained::Anew(state) => return Ok(Some(state)),
                Drained::Closed => return Ok(None),
            }
            is_more = page.len() == PAGE;
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
        if let Drained::Anew(state) = self.drain() {
            return Ok(Some(state));
        }
        self.shared.watched.fetch_sub(1, Ordering::Relaxed);
        self.is_counted = true;
        self.blobs.all_told();
        if missing > 0 {
            tracing::warn!(missing, "outputs that the history refers to are not stored here");
        }
        tracing::debug!(rows = self.digests.len(), "stored outputs are counted");
        Ok(None)
    }

    /// Takes what has been told.
    fn drain(&mut self) -> Drained {
        loop {
            match self.inbox.try_recv() {
                Ok(Told::Changes(changes)) => self.take(&changes),
                Ok(Told::Anew(state)) => {
                    self.forget();
                    // The rows of before will never be read.
                    self.shared.watched.fetch_sub(1, Ordering::Relaxed);
                    return Drained::Anew(state);
                }
                Err(mpsc::error::TryRecvError::Empty) => return Drained::Open,
                Err(mpsc::error::TryRecvError::Disconnected) => return Drained::Closed,
            }
        }
    }

    /// The rows are gone, and with them all that they referred to.
    fn forget(&mut self) {
        self.is_counted = false;
        let before = self.digests.len();
        for digest in std::mem::take(&mut self.digests).into_values() {
            self.blobs.release(&digest);
        }
        self.watch(before, 0);
    }

    fn take(&mut self, changes: &[Change]) {
        let before = self.digests.len();
        for change in changes {
            self.set(change.key, change.digest);
        }
        let announced = changes.iter().filter(|change| change.digest.is_some()).count();
        self.watch(before, announced);
        self.shared.behind.fetch_sub(changes.len(), Ordering::Relaxed);
    }

    /// The row refers to this output now, and to no other; false if the output is not here.
    fn set(&mut self, key: Key, digest: Option<Digest>) -> bool {
        if digest.is_some() && self.digests.get(&key) == digest.as_ref() {
            return true;
        }
        let referred = digest.filter(|digest| self.blobs.refer(digest));
        let old = match referred {
            Some(digest) => self.digests.insert(key, digest),
            None => self.digests.remove(&key),
        };
        if let Some(old) = old {
            self.blobs.release(&old);
        }
        digest == referred
    }

    /// Rows that were announced are now known, or not to be watched. Never too low between the two
    /// steps: then a deletion would not be told.
    fn watch(&self, before: usize, announced: usize) {
        self.shared.watched.fetch_add(self.digests.len(), Ordering::Relaxed);
        self.shared.watched.fetch_sub(before + announced, Ordering::Relaxed);
    }

    fn sweep(&self) {
        if !self.is_counted {
            return;
        }
        match self.blobs.sweep() {
            Ok(0) => {}
            Ok(files) => tracing::debug!(files, "removed outputs that nobody refers to"),
            Err(err) => tracing::error!(reason = err.chain(), "outputs could not be removed"),
        }
    }
}

#[cfg(test)]
mod tests;
