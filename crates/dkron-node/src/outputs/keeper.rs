//! Counts who refers to stored outputs, and lets those go that nobody refers to.
//!
//! The history's rows are deleted by their keys alone, so somebody has to know which of them had a
//! stored output. The keeper does: it reads all rows once after the start and then follows what
//! the scheduling thread tells. Nobody else counts references, and nobody waits for the keeper.
//! Outputs that still wait for processors need no count of their own: until the replacement comes,
//! the row refers to the original.
//!
//! So it also knows which outputs are missing here, after a server was wiped or was away, and
//! fetches them one after the other, slowly.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dkron_core::ledger::Row;
use dkron_store::blob::{Blobs, Digest};
use dkron_store::state::{Keyspace, Scan, State};
use dkron_wire::Table;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::carry::Name;
use super::changes::{Change, Key, Shared, Teller, Told};
use super::missing::Missing;
use super::store::{Store, name_of};
use crate::error::Error;

/// How often segments are looked at that nobody refers to. The first time is that long after the
/// start, too: the log is replayed by then, and the nodes have stated what they know.
const SWEEP: Duration = Duration::from_secs(600);
/// Rows read at once at the start.
const PAGE: usize = 1_024;

/// How often it is looked whether something missing is to be fetched.
const HEAL: Duration = Duration::from_secs(1);
/// After each of them.
const PAUSE: Duration = Duration::from_millis(20);
/// LIMIT: bytes a second of missing outputs that are fetched in the background.
const HEALED: u64 = 16 << 20;

/// The thread's state.
pub struct Keeper {
    store: Store,
    blobs: Arc<Blobs>,
    inbox: mpsc::UnboundedReceiver<Told>,
    shared: Arc<Shared>,
    /// What each row refers to; only rows whose output is here.
    digests: HashMap<Key, Digest>,
    /// The rows whose output is not here.
    missing: Missing,
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
    pub fn new(store: Store) -> (Keeper, Teller) {
        let (sender, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        // One for the rows that are not read yet.
        shared.watched.store(1, Ordering::Relaxed);
        let teller = Teller::new(Arc::clone(&shared), sender);
        let (blobs, digests, missing) =
            (Arc::clone(store.blobs()), HashMap::new(), Missing::default());
        let keeper = Keeper { store, blobs, inbox, shared, digests, missing, is_counted: false };
        (keeper, teller)
    }

    /// Runs until nobody can tell it anything any more.
    pub async fn run(mut self, state: Arc<State>) {
        self.count(state);
        let mut sweep = tokio::time::interval_at(Instant::now() + SWEEP, SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heal = tokio::time::interval(HEAL);
        heal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut healing = JoinSet::new();
        loop {
            tokio::select! {
                told = self.inbox.recv() => match told {
                    Some(Told::Changes(changes)) => self.take(&changes),
                    Some(Told::Anew(state)) => self.anew(state),
                    None => return,
                },
                _ = sweep.tick() => self.sweep(),
                _ = heal.tick(), if healing.is_empty() => self.heal(&mut healing),
                Some(Ok(digest)) = healing.join_next() => {
                    self.found(&digest);
                    self.heal(&mut healing);
                }
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
        let mut after = None::<Vec<u8>>;
        let mut is_more = self.store.has_others() || self.blobs.stats().blobs > 0;
        while is_more {
            let scan = Scan::prefix(b"", PAGE).after(after.as_deref());
            let page = state.scan(Keyspace::History, scan)?;
            let before = self.known();
            for (key, value) in &page {
                let row = dkron_wire::row::decode(Table::History, key, value)?;
                let Row::History { no, record } = row else { continue };
                if let Some(name) = name_of(&record.finish.output) {
                    self.set((record.job_no, no), Some(name));
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
        let missing = self.missing.len();
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
        let before = self.known();
        self.missing = Missing::default();
        for digest in std::mem::take(&mut self.digests).into_values() {
            self.blobs.release(&digest);
        }
        self.watch(before, 0);
    }

    fn take(&mut self, changes: &[Change]) {
        let before = self.known();
        for change in changes {
            self.set(change.key, change.output);
        }
        let announced = changes.iter().filter(|change| change.output.is_some()).count();
        self.watch(before, announced);
        self.shared.behind.fetch_sub(changes.len(), Ordering::Relaxed);
    }

    /// Rows that refer to a stored output.
    fn known(&self) -> usize {
        self.digests.len() + self.missing.len()
    }

    /// The row refers to this output now, and to no other.
    fn set(&mut self, key: Key, output: Option<Name>) {
        let digest = output.map(|name| name.digest);
        if digest.is_some() && self.digests.get(&key) == digest.as_ref() {
            return;
        }
        let referred = digest.filter(|digest| self.blobs.refer(digest));
        let old = match referred {
            Some(digest) => self.digests.insert(key, digest),
            None => self.digests.remove(&key),
        };
        if let Some(old) = old {
            self.blobs.release(&old);
        }
        match output {
            Some(name) if referred.is_none() => self.missing.add(key, name),
            _ => self.missing.remove(key),
        }
    }

    /// The rows that lacked this output refer to it, if it is here now.
    fn found(&mut self, digest: &Digest) {
        if !self.blobs.contains(digest) {
            return;
        }
        for key in self.missing.found(digest) {
            if self.blobs.refer(digest) {
                self.digests.insert(key, *digest);
            }
        }
    }

    /// Begins to fetch what is missing, one output at a time, and then leaves some time to others.
    fn heal(&mut self, healing: &mut JoinSet<Digest>) {
        while self.store.has_others()
            && healing.is_empty()
            && let Some(name) = self.missing.next(Instant::now())
        {
            if self.blobs.contains(&name.digest) {
                self.found(&name.digest);
                continue;
            }
            let store = self.store.clone();
            healing.spawn(async move {
                match store.fetch(name).await {
                    Ok(_) => tracing::debug!(digest = %name.digest, "fetched a missing output"),
                    Err(reason) => {
                        tracing::debug!(digest = %name.digest, ?reason, "an output is missing");
                    }
                }
                tokio::time::sleep(PAUSE + Duration::from_millis(name.len / (HEALED / 1_000)))
                    .await;
                name.digest
            });
        }
    }

    /// Rows that were announced are now known, or not to be watched. Never too low between the two
    /// steps: then a deletion would not be told.
    fn watch(&self, before: usize, announced: usize) {
        self.shared.watched.fetch_add(self.known(), Ordering::Relaxed);
        self.shared.watched.fetch_sub(before + announced, Ordering::Relaxed);
    }

    fn sweep(&mut self) {
        if !self.is_counted {
            return;
        }
        // What came in some other way, for somebody who read it, say.
        for digest in self.missing.digests() {
            self.found(&digest);
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
