//! The store's engine behind one small door: batches in, rows out.
//!
//! The engine refuses everything after one failed write, until it is opened anew; `reopen` does
//! that in place.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use fjall::{Database, KeyspaceCreateOptions, PersistMode, Readable, Slice, Snapshot};

use super::Options;
use super::batch::Batch;
use super::merge::Bounds;
use super::row::Keyspace;
use crate::{Durability, Error};

/// A space of its own for what belongs to the store itself.
const STORE_SPACE: &str = "store";
const APPLIED: &[u8] = b"applied_index";

pub(super) struct Engine {
    database: Database,
    /// Made when first written: each costs some syncs and a write buffer.
    spaces: [OnceLock<fjall::Keyspace>; Keyspace::ALL.len()],
    store: OnceLock<fjall::Keyspace>,
    memtable_bytes: u64,
    durability: Durability,
    path: PathBuf,
    number: u64,
}

/// Tells engines of this process apart: a view must not go on with another one.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Engine {
    pub(super) fn open(path: &Path, options: &Options) -> Result<Engine, Error> {
        let database = Database::builder(path)
            .cache_size(options.cache_bytes)
            .worker_threads(options.worker_threads.max(1))
            .max_journaling_size(options.journal_bytes_max.max(64 << 20))
            .max_cached_files(Some(256))
            .open()
            .map_err(Error::engine("open state", path))?;
        let engine = Engine {
            spaces: Default::default(),
            store: OnceLock::new(),
            memtable_bytes: options.memtable_bytes,
            durability: options.durability,
            path: path.to_path_buf(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            database,
        };
        for keyspace in Keyspace::ALL {
            if engine.database.keyspace_exists(keyspace.name()) {
                engine.create(keyspace)?;
            }
        }
        if engine.database.keyspace_exists(STORE_SPACE) {
            engine.create_space(&engine.store, STORE_SPACE)?;
        }
        Ok(engine)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn applied(&self) -> Result<Option<u64>, Error> {
        self.applied_in(&self.snapshot())
    }

    /// The last entry whose rows a snapshot shows.
    pub(super) fn applied_in(&self, snapshot: &Snapshot) -> Result<Option<u64>, Error> {
        let Some(store) = self.store.get() else { return Ok(None) };
        let Some(bytes) = snapshot.get(store, APPLIED).map_err(self.failed("read"))? else {
            return Ok(None);
        };
        match <[u8; 8]>::try_from(bytes.as_ref()) {
            Ok(bytes) => Ok(Some(u64::from_le_bytes(bytes))),
            Err(_) => Err(Error::DamagedRecord { name: "applied_index", path: self.path.clone() }),
        }
    }

    /// Rows and applied index together, or neither. They are synced before they enter a write
    /// buffer: the engine stores full buffers one keyspace at a time, and after a power loss those
    /// rows must not be newer than the applied index.
    pub(super) fn write(&self, batch: &Batch) -> Result<(), Error> {
        let persist = match self.durability {
            Durability::Fsync => PersistMode::SyncData,
            Durability::None => PersistMode::Buffer,
        };
        let mut write = self.database.batch().durability(Some(persist));
        for (keyspace, key, value) in batch.all() {
            let space = self.create(keyspace)?;
            match value {
                Some(value) => write.insert(space, key.clone(), value.clone()),
                None => write.remove(space, key.clone()),
            }
        }
        if let Some(upto) = batch.upto {
            let store = self.create_space(&self.store, STORE_SPACE)?;
            write.insert(store, APPLIED, upto.to_le_bytes());
        }
        write.commit().map_err(self.failed("write rows to"))
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        self.database.persist(PersistMode::SyncAll).map_err(self.failed("sync"))
    }

    pub(super) fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Slice>, Error> {
        let Some(space) = self.space(keyspace) else { return Ok(None) };
        space.get(key).map_err(self.failed("read"))
    }

    pub(super) fn get_in(
        &self,
        snapshot: &Snapshot,
        keyspace: Keyspace,
        key: &[u8],
    ) -> Result<Option<Slice>, Error> {
        let Some(space) = self.space(keyspace) else { return Ok(None) };
        snapshot.get(space, key).map_err(self.failed("read"))
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.database.snapshot()
    }

    pub(super) fn range(
        &self,
        snapshot: &Snapshot,
        keyspace: Keyspace,
        bounds: Bounds,
        reverse: bool,
    ) -> Box<dyn Iterator<Item = Result<(Slice, Slice), Error>>> {
        let Some(space) = self.space(keyspace) else { return Box::new(std::iter::empty()) };
        let path = self.path.clone();
        let rows = snapshot.range::<Vec<u8>, _>(space, bounds);
        let open =
            move |guard: fjall::Guard| guard.into_inner().map_err(Error::engine("read", &path));
        if reverse { Box::new(rows.rev().map(open)) } else { Box::new(rows.map(open)) }
    }

    pub(super) fn disk_bytes(&self) -> u64 {
        self.database.disk_space().unwrap_or(0)
    }

    fn space(&self, keyspace: Keyspace) -> Option<&fjall::Keyspace> {
        self.spaces[usize::from(keyspace.code())].get()
    }

    fn create(&self, keyspace: Keyspace) -> Result<&fjall::Keyspace, Error> {
        self.create_space(&self.spaces[usize::from(keyspace.code())], keyspace.name())
    }

    fn create_space<'a>(
        &self,
        place: &'a OnceLock<fjall::Keyspace>,
        name: &str,
    ) -> Result<&'a fjall::Keyspace, Error> {
        if let Some(space) = place.get() {
            return Ok(space);
        }
        let bytes = self.memtable_bytes;
        let create = || KeyspaceCreateOptions::default().max_memtable_size(bytes);
        let space =
            self.database.keyspace(name, create).map_err(self.failed("make a keyspace of"))?;
        Ok(place.get_or_init(|| space))
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(fjall::Error) -> Error {
        Error::engine(action, &self.path)
    }
}

/// Whether the engine refused because of an earlier failure, and did not even try.
pub(super) fn gave_up(error: &Error) -> bool {
    match error {
        Error::Engine { source, .. } => {
            matches!(source.downcast_ref::<fjall::Error>(), Some(fjall::Error::Poisoned))
        }
        Error::Stopped { .. } => true,
        _ => false,
    }
}

/// Whether the engine's journal holds something that is not whole.
pub(super) fn is_torn(error: &Error) -> bool {
    match error {
        Error::Engine { source, .. } => matches!(
            source.downcast_ref::<fjall::Error>(),
            Some(
                fjall::Error::JournalRecovery(_)
                    | fjall::Error::InvalidTag(_)
                    | fjall::Error::InvalidTrailer
                    | fjall::Error::Decompress(_)
            )
        ),
        _ => false,
    }
}
