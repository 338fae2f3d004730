//! The log's file: which tables it has and how one batch becomes one transaction.
//!
//! The engine's checksums tell whether a commit is whole, but it trusts pages it reads later; so
//! every value carries a checksum over its key and bytes.

use std::fs::OpenOptions;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use redb::backends::FileBackend;
use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, Table as Open,
    TableDefinition,
};

use super::backend::{Backend, Room};
use super::view::View;
use super::writer::{Batch, Step};
use crate::{Durability, Error, durable};

const ENTRIES: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("entries");
const RECORDS: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("records");

/// LIMIT: purged entries removed with one commit, so that no append waits for a long purge.
const LEFTOVER_SLICE: u64 = 2_048;
const CHECKSUM: usize = 4;

pub(super) struct Table {
    database: Database,
    path: PathBuf,
    pub(super) room: Arc<Room>,
}

type Entries<'txn> = Open<'txn, u64, &'static [u8]>;
type Records<'txn> = Open<'txn, &'static str, &'static [u8]>;

impl Table {
    pub(super) fn open(path: &Path, durability: Durability, cache: usize) -> Result<Self, Error> {
        let fresh = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(Error::io("open log", path))?;
        let backend =
            guarded(path, || FileBackend::new(file).map_err(Error::engine("lock log", path)))?;
        let table = Table::over(backend, path, durability, cache)?;
        if fresh && durability == Durability::Fsync {
            durable::sync_dir(&durable::parent_of(path))?;
        }
        Ok(table)
    }

    pub(super) fn over(
        file: impl StorageBackend,
        path: &Path,
        durability: Durability,
        cache: usize,
    ) -> Result<Self, Error> {
        let room = Arc::new(Room::default());
        let backend = Backend { file, durability, room: Arc::clone(&room), path: path.into() };
        let mut builder = Builder::new();
        builder.set_cache_size(cache);
        let database = guarded(path, || {
            builder.create_with_backend(backend).map_err(Error::engine("open log", path))
        })?;
        let table = Table { database, path: path.to_path_buf(), room };
        table.write("create tables in", |_, _| Ok(()))?;
        Ok(table)
    }

    /// Reads and checks everything.
    pub(super) fn load(&self, tail_cache_bytes: usize) -> Result<View, Error> {
        guarded(&self.path, || {
            let mut view = View::new(tail_cache_bytes);
            let txn = self.database.begin_read().map_err(self.engine("read"))?;
            let records = txn.open_table(RECORDS).map_err(self.engine("read"))?;
            view.vote = self.record(&records, "vote")?;
            view.committed = self.record(&records, "committed")?;
            if let Some(bytes) = self.record(&records, "purged")? {
                let (index, marker) = split_purged(&bytes)
                    .ok_or(Error::DamagedRecord { name: "purged", path: self.path.clone() })?;
                view.purge_upto(index, marker.to_vec())?;
            }
            let entries = txn.open_table(ENTRIES).map_err(self.engine("read"))?;
            let lowest = view.start;
            let mut below = entries.range(..lowest).map_err(self.engine("read"))?;
            view.leftover = below.next().is_some();
            let now = Instant::now();
            for row in entries.range(lowest..).map_err(self.engine("read"))? {
                let (key, value) = row.map_err(self.engine("read"))?;
                let index = key.value();
                let bytes = checked(index, value.value()).ok_or(Error::Damaged { index })?;
                let follows = view.start < view.end || view.purged.is_some();
                if follows && index != view.end {
                    return Err(Error::Damaged { index: view.end });
                }
                view.found(index, bytes.len(), now);
            }
            Ok(view)
        })
    }

    /// Entries of a range of which each must be there.
    pub(super) fn read(
        &self,
        range: Range<u64>,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        guarded(&self.path, || {
            let txn = self.database.begin_read().map_err(self.engine("read"))?;
            let entries = txn.open_table(ENTRIES).map_err(self.engine("read"))?;
            let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
            let (mut expected, mut room) = (range.start, bytes_max);
            for row in entries.range(range.clone()).map_err(self.engine("read"))? {
                let (key, value) = row.map_err(self.engine("read"))?;
                let index = key.value();
                if index != expected {
                    break;
                }
                let bytes = checked(index, value.value()).ok_or(Error::Damaged { index })?;
                if !found.is_empty() && bytes.len() > room {
                    return Ok(found);
                }
                room = room.saturating_sub(bytes.len());
                found.push((index, bytes.to_vec()));
                expected += 1;
            }
            if expected < range.end {
                return Err(Error::Damaged { index: expected });
            }
            Ok(found)
        })
    }

    /// Makes a batch durable; tells whether purged entries still lie in the file.
    pub(super) fn commit(&self, batch: &Batch) -> Result<bool, Error> {
        self.write("write", |entries, records| {
            for command in &batch.commands {
                apply(&command.step, entries, records)?;
            }
            if let Some(bytes) = &batch.committed {
                put_record(records, "committed", bytes)?;
            }
            let Some(upto) = batch.leftover_upto else {
                return Ok(false);
            };
            remove_slice(entries, upto)
        })
    }

    fn write<T>(
        &self,
        action: &'static str,
        change: impl FnOnce(&mut Entries<'_>, &mut Records<'_>) -> Result<T, redb::StorageError>,
    ) -> Result<T, Error> {
        let txn = self.database.begin_write().map_err(self.engine(action))?;
        let answer = {
            let mut entries = txn.open_table(ENTRIES).map_err(self.engine(action))?;
            let mut records = txn.open_table(RECORDS).map_err(self.engine(action))?;
            change(&mut entries, &mut records).map_err(self.engine(action))?
        };
        txn.commit().map_err(self.engine(action))?;
        Ok(answer)
    }

    fn record(
        &self,
        records: &impl ReadableTable<&'static str, &'static [u8]>,
        name: &'static str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = records.get(name).map_err(self.engine("read"))? else {
            return Ok(None);
        };
        match checked(0, value.value()) {
            Some(bytes) => Ok(Some(bytes.to_vec())),
            None => Err(Error::DamagedRecord { name, path: self.path.clone() }),
        }
    }

    fn engine<E>(&self, action: &'static str) -> impl FnOnce(E) -> Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        Error::engine(action, &self.path)
    }
}

fn apply(
    step: &Step,
    entries: &mut Entries<'_>,
    records: &mut Records<'_>,
) -> Result<(), redb::StorageError> {
    match step {
        Step::Append(list) => {
            for (index, bytes) in list {
                let mut place = entries.insert_reserve(index, CHECKSUM + bytes.len())?;
                let (sum, body) = place.as_mut().split_at_mut(CHECKSUM);
                sum.copy_from_slice(&checksum(*index, bytes));
                body.copy_from_slice(bytes);
            }
            Ok(())
        }
        Step::Truncate(index) => match index.checked_add(1) {
            Some(first) => entries.retain_in(first.., |_, _| false),
            None => Ok(()),
        },
        Step::Purge(index, marker) => {
            let mut bytes = index.to_le_bytes().to_vec();
            bytes.extend_from_slice(marker);
            put_record(records, "purged", &bytes)
        }
        Step::Vote(bytes) => put_record(records, "vote", bytes),
    }
}

fn remove_slice(entries: &mut Entries<'_>, upto: u64) -> Result<bool, redb::StorageError> {
    let first = entries.range(..=upto)?.next().transpose()?.map(|(key, _)| key.value());
    let Some(first) = first else { return Ok(false) };
    let last = upto.min(first.saturating_add(LEFTOVER_SLICE - 1));
    entries.retain_in(first..=last, |_, _| false)?;
    Ok(last < upto && entries.range(..=upto)?.next().is_some())
}

fn put_record(
    records: &mut Records<'_>,
    name: &'static str,
    bytes: &[u8],
) -> Result<(), redb::StorageError> {
    let mut value = checksum(0, bytes).to_vec();
    value.extend_from_slice(bytes);
    records.insert(name, value.as_slice())?;
    Ok(())
}

fn split_purged(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (index, marker) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*index), marker))
}

fn checksum(index: u64, bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&index.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize().to_le_bytes()
}

fn checked(index: u64, value: &[u8]) -> Option<&[u8]> {
    let (sum, bytes) = value.split_first_chunk::<CHECKSUM>()?;
    (*sum == checksum(index, bytes)).then_some(bytes)
}

/// The engine may panic over a page that something else has changed; that is a damaged file, not
/// a bug that should take the process down.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic_text(panic.as_ref());
        Err(Error::Engine { action: "read", path: path.to_path_buf(), source: text.into() })
    })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    format!("the file is damaged: {text}")
}
