//! Rows of state and history: fast, and as far as they got always a whole prefix of the log.
//!
//! `push` only remembers. The row writer stores many entries as one batch with the index of the
//! last of them, with one fsync: what a power loss takes is replayed from the log. `sync` waits for
//! everything so far and notes how far that is; only then may the log be purged up to its answer.
//!
//! ```text
//!   push ─► collecting ─► in flight ─► store          get, scan: collecting, in flight, store
//! ```
//!
//! What a row means, or which keys exist, it doesn't know.

mod batch;
mod chunk;
mod engine;
#[cfg(test)]
mod faults;
mod mark;
mod merge;
mod row;
#[cfg(test)]
mod snapshot_tests;
mod stage;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{Durability, Error, durable};
use batch::Batch;
use engine::Engine;
use merge::{Bounds, Change, Merged, as_slices};
pub use merge::{Row, Scan};
pub use row::{Keyspace, Op};
pub use stage::{Received, Staged, Staging};
pub use view::View;

/// LIMIT: the engine takes keys of up to 64 KiB.
pub const KEY_BYTES_MAX: usize = 4_096;
/// Free bytes on the disk without which a broken engine is not opened anew.
const REOPEN_BYTES: u64 = 16 << 20;
/// Rows read at once by `for_each`.
const PAGE: usize = 1_024;

#[derive(Clone, Debug)]
pub struct Options {
    pub durability: Durability,
    /// How long changes are collected into one batch.
    pub collect: Duration,
    /// A batch of this size is written at once.
    pub batch_bytes: usize,
    /// Cache of blocks read from disk.
    pub cache_bytes: u64,
    /// Write buffer of each keyspace.
    pub memtable_bytes: u64,
    /// Journals of the engine beyond this size force write buffers to disk; at least 64 MiB.
    pub journal_bytes_max: u64,
    pub worker_threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            durability: Durability::Fsync,
            collect: Duration::from_millis(200),
            batch_bytes: 8 << 20,
            cache_bytes: 8 << 20,
            memtable_bytes: 4 << 20,
            journal_bytes_max: 64 << 20,
            worker_threads: 2,
        }
    }
}

/// How the row writer is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The last entry whose rows were pushed.
    pub pushed: Option<u64>,
    /// The last entry whose rows are in the store, durable or not.
    pub stored: Option<u64>,
    /// The last entry whose rows are durable.
    pub synced: Option<u64>,
    pub pending_rows: usize,
    pub pending_bytes: usize,
    /// Why the last attempt failed, until one succeeds.
    pub trouble: Option<String>,
    pub failures: u64,
}

pub struct State {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    /// None only after the engine could not be opened anew. Taken before `pending`, never after.
    engine: RwLock<Option<Engine>>,
    pending: Mutex<Pending>,
    work: Condvar,
    settled: Condvar,
    options: Options,
    path: PathBuf,
    /// How many snapshots were begun to be received: the newest one counts.
    stagings: Arc<AtomicU64>,
}

#[derive(Default)]
struct Pending {
    collecting: Batch,
    in_flight: Option<Arc<Batch>>,
    pushed: Option<u64>,
    stored: Option<u64>,
    synced: Option<u64>,
    trouble: Option<String>,
    failures: u64,
    /// The trouble is a full disk.
    is_full: bool,
    /// The disk failed in another way.
    broken: Option<String>,
    /// A failed fsync may have lost what it was to save: no later one can vouch for it.
    sync_failed: Option<String>,
    hurry: bool,
    closing: bool,
}

impl State {
    pub fn open(path: &Path, options: Options) -> Result<State, Error> {
        stage::settle(path, options.durability)?;
        durable::create_dir(path, options.durability)?;
        let (engine, applied) = open_engine(path, &options)?;
        let pending = Pending { pushed: applied, stored: applied, ..Pending::default() };
        let shared = Arc::new(Shared {
            engine: RwLock::new(Some(engine)),
            pending: Mutex::new(pending),
            work: Condvar::new(),
            settled: Condvar::new(),
            options,
            path: path.to_path_buf(),
            stagings: Arc::default(),
        });
        let for_writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("row-writer".into())
            .spawn(move || writer::run(&for_writer))
            .map_err(Error::io("start the row writer of", path))?;
        Ok(State { shared, thread: Some(thread) })
    }

    /// Takes all changes of one log entry; never waits for the disk. Indexes must grow: all
    /// changes of an entry come in one call, or a crash between two could keep half of them.
    pub fn push(&self, index: u64, ops: Vec<Op>) -> Result<(), Error> {
        if let Some(op) = ops.iter().find(|op| op.key.is_empty() || op.key.len() > KEY_BYTES_MAX) {
            return Err(Error::TooLarge {
                what: "row key (1 byte at least)",
                len: op.key.len(),
                max: KEY_BYTES_MAX,
            });
        }
        let mut pending = self.shared.lock();
        if pending.pushed.is_some_and(|pushed| index <= pushed) {
            let expected = pending.pushed.map_or(0, |pushed| pushed + 1);
            return Err(Error::Order { what: "rows of an entry", index, expected });
        }
        let wake = pending.collecting.upto.is_none()
            || pending.collecting.bytes() >= self.shared.options.batch_bytes;
        for op in ops {
            pending.collecting.push(op);
        }
        pending.pushed = Some(index);
        pending.collecting.upto = Some(index);
        drop(pending);
        if wake {
            self.shared.work.notify_all();
        }
        Ok(())
    }

    /// Makes everything pushed so far durable and tells up to which entry that is. The log may be
    /// purged up to there, not beyond.
    pub fn sync(&self) -> Result<Option<u64>, Error> {
        let stored = self.flush()?;
        if self.shared.options.durability == Durability::Fsync {
            self.sync_engine()?;
            if let Some(stored) = stored {
                mark::save(&self.shared.path, stored)?;
            }
        }
        let mut pending = self.shared.lock();
        pending.synced = pending.synced.max(stored);
        Ok(stored)
    }

    fn sync_engine(&self) -> Result<(), Error> {
        let outcome = self.shared.with_engine(Engine::sync);
        let outcome = match outcome {
            // The engine gave up earlier, in the background: a new one can sync the same files.
            Err(error) if engine::gave_up(&error) => {
                self.shared.reopen();
                self.shared.with_engine(Engine::sync)
            }
            outcome => outcome,
        };
        match &outcome {
            // Said before anything was handed to the disk: the row writer opens the engine anew.
            Err(error) if error.is_full() || engine::gave_up(error) => {
                self.shared.lock().is_full |= error.is_full();
            }
            Err(error) => self.shared.lock().sync_failed = Some(error.chain()),
            Ok(()) => self.shared.lock().is_full = false,
        }
        outcome
    }

    /// Waits until everything pushed so far is in the store, durable or not.
    pub fn flush(&self) -> Result<Option<u64>, Error> {
        let mut pending = self.shared.lock();
        if let Some(reason) = &pending.sync_failed {
            return Err(Error::Stopped { what: "the state's sync", reason: reason.clone() });
        }
        let (target, failures) = (pending.pushed, pending.failures);
        while pending.stored < target {
            if pending.failures > failures {
                let reason = pending.trouble.clone().unwrap_or_default();
                return Err(Error::Stopped { what: "the row writer", reason });
            }
            pending.hurry = true;
            self.shared.work.notify_all();
            pending = self.shared.settled.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(pending.stored)
    }

    /// The entry up to which the store holds all rows: at open, where to replay from.
    pub fn applied_index(&self) -> Option<u64> {
        self.shared.lock().stored
    }

    /// Rows that wait for the store.
    pub fn pending_len(&self) -> usize {
        self.shared.lock().rows()
    }

    /// Waits until fewer than `rows` rows are pending, at most for `timeout`; tells whether it is
    /// so. This is the brake: memory is bounded by whoever pushes and asks here.
    pub fn wait_below(&self, rows: usize, timeout: Duration) -> bool {
        let pending = self.shared.lock();
        if pending.rows() < rows {
            return true;
        }
        let waited = self.shared.settled.wait_timeout_while(pending, timeout, |p| p.rows() >= rows);
        let (pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
        pending.rows() < rows
    }

    pub fn health(&self) -> Health {
        let pending = self.shared.lock();
        Health {
            pushed: pending.pushed,
            stored: pending.stored,
            synced: pending.synced,
            pending_rows: pending.rows(),
            pending_bytes: pending.bytes(),
            trouble: pending.sync_failed.clone().or_else(|| pending.trouble.clone()),
            failures: pending.failures,
        }
    }

    /// Whether rows wait in memory because the disk is full. They are written by themselves when
    /// there is room.
    pub fn is_waiting_for_room(&self) -> bool {
        self.shared.lock().is_full
    }

    /// Why this state must not be used any more, with file and cause. It stays so.
    pub fn failure(&self) -> Option<String> {
        let pending = self.shared.lock();
        pending.sync_failed.clone().or_else(|| pending.broken.clone())
    }

    pub fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let waiting = self.shared.lock().get(keyspace, key);
        if let Some(value) = waiting {
            return Ok(value.map(|value| value.to_vec()));
        }
        // In neither batch: the store has it, or nobody.
        let stored = self.shared.with_engine(|engine| engine.get(keyspace, key))?;
        Ok(stored.map(|value| value.to_vec()))
    }

    /// Rows in the order of their keys, as they were at one moment, at most `scan.limit`.
    pub fn scan(&self, keyspace: Keyspace, scan: Scan<'_>) -> Result<Vec<Row>, Error> {
        let Some(bounds) = scan.bounds().filter(|_| scan.limit > 0) else {
            return Ok(Vec::new());
        };
        self.shared.with_engine(|engine| {
            let (changes, snapshot) = {
                let pending = self.shared.lock();
                (pending.changes(keyspace, &bounds, &scan), engine.snapshot())
            };
            let stored = engine.range(&snapshot, keyspace, bounds, scan.reverse);
            let rows = Merged {
                stored: stored.peekable(),
                changes: changes.into_iter().peekable(),
                reverse: scan.reverse,
            };
            rows.take(scan.limit).collect()
        })
    }

    /// Hands over all rows of a keyspace, page by page, in the order of their keys; stops at the
    /// first error of `each`. For the start, when nobody pushes: pages are of different moments.
    pub fn for_each<E: From<Error>>(
        &self,
        keyspace: Keyspace,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let scan = Scan::prefix(b"", PAGE).after(after.as_deref());
            let page = self.scan(keyspace, scan)?;
            for (key, value) in &page {
                each(key, value)?;
            }
            if page.len() < PAGE {
                return Ok(());
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
    }

    pub fn disk_bytes(&self) -> u64 {
        self.shared.with_engine(|engine| Ok(engine.disk_bytes())).unwrap_or(0)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the writer loses nothing that the log could not give back.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_engine<T>(&self, work: impl FnOnce(&Engine) -> Result<T, Error>) -> Result<T, Error> {
        match &*self.engine.read().unwrap_or_else(PoisonError::into_inner) {
            Some(engine) => work(engine),
            None => Err(Error::Stopped {
                what: "the state",
                reason: format!("`{}` could not be opened again yet", self.path.display()),
            }),
        }
    }

    /// The engine takes nothing after a failed write; a new one finds all whole batches. On a full
    /// disk the old one stays: it can still be read, and a new one might not even open.
    fn reopen(&self) {
        let mut engine = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        if engine.is_some() && durable::free_bytes(&self.path).is_some_and(|n| n < REOPEN_BYTES) {
            return;
        }
        *engine = None;
        match open_engine(&self.path, &self.options) {
            Ok((opened, applied)) => {
                let mut pending = self.lock();
                // What was stored must be there again, or what comes next would leave a hole.
                if applied < pending.stored {
                    pending.broken = Some(format!(
                        "`{}` lost rows that it had taken; start again, the log has them",
                        self.path.display()
                    ));
                    return;
                }
                *engine = Some(opened);
            }
            Err(error) => tracing::error!(reason = error.chain(), "state cannot be opened again"),
        }
    }
}

/// The engine, and the last entry whose rows it has. A batch that a power loss tore goes; if rows
/// are missing that were synced, that is damage.
fn open_engine(path: &Path, options: &Options) -> Result<(Engine, Option<u64>), Error> {
    let journal = mark::Journal::newest(path)?;
    let engine = match (Engine::open(path, options), &journal) {
        (Err(error), Some(journal)) if engine::is_torn(&error) => {
            tracing::warn!(reason = error.chain(), "cut a torn batch of rows");
            journal.cut_last_batch()?;
            Engine::open(path, options).or_else(|error| journal.restore().and(Err(error)))?
        }
        (opened, _) => opened?,
    };
    journal.as_ref().map_or(Ok(()), mark::Journal::check)?;
    let applied = engine.applied()?;
    match mark::read(path)? {
        Some(synced) if applied < Some(synced) => {
            Err(Error::LostRows { path: path.to_path_buf(), found: applied.unwrap_or(0), synced })
        }
        _ => Ok((engine, applied)),
    }
}

impl Pending {
    /// Whether that batch is still to be stored: other rows may have taken the place of all.
    fn is_in_flight(&self, batch: &Arc<Batch>) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| Arc::ptr_eq(in_flight, batch))
    }

    fn rows(&self) -> usize {
        self.collecting.rows() + self.in_flight.as_ref().map_or(0, |batch| batch.rows())
    }

    fn bytes(&self) -> usize {
        self.collecting.bytes() + self.in_flight.as_ref().map_or(0, |batch| batch.bytes())
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Option<Option<fjall::Slice>> {
        let collecting = self.collecting.get(keyspace, key);
        collecting.or_else(|| self.in_flight.as_ref()?.get(keyspace, key))
    }

    fn changes(&self, keyspace: Keyspace, bounds: &Bounds, scan: &Scan<'_>) -> Vec<Change> {
        let newer = self.collecting.range(keyspace, as_slices(bounds), scan.reverse);
        match &self.in_flight {
            Some(batch) => {
                let older = batch.range(keyspace, as_slices(bounds), scan.reverse);
                merge::changes(newer, older, scan)
            }
            None => merge::changes(newer, std::iter::empty(), scan),
        }
    }
}
