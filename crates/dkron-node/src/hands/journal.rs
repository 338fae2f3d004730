//! The journal on disk. Records reach the system before anything that follows from them starts;
//! a power loss may take the last ones, which the boot id then tells.

use std::path::Path;
use std::time::Duration;

use dkron_core::worker::{JournalRecord, Worker};
use dkron_store::Durability;
use dkron_store::appendfile::AppendFile;

use crate::error::Error;

/// The file is rewritten when it is this long and mostly out of date.
const COMPACT_BYTES: u64 = 4 << 20;
/// How often a record that found no room is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// The file under a journal. Records are whole or not there.
pub trait Records: Send {
    fn append(&mut self, record: &[u8]) -> Result<(), dkron_store::Error>;
    fn len_bytes(&self) -> u64;
    /// In place of all others.
    fn rewrite(&mut self, records: &[Vec<u8>]) -> Result<(), dkron_store::Error>;
}

impl Records for AppendFile {
    fn append(&mut self, record: &[u8]) -> Result<(), dkron_store::Error> {
        AppendFile::append(self, record)
    }

    fn len_bytes(&self) -> u64 {
        AppendFile::len_bytes(self)
    }

    fn rewrite(&mut self, records: &[Vec<u8>]) -> Result<(), dkron_store::Error> {
        AppendFile::rewrite(self, records.iter().map(Vec::as_slice))
    }
}

pub struct Journal {
    file: Box<dyn Records>,
    /// Length after the last rewrite.
    base: u64,
}

impl Journal {
    /// Opens or creates the file and gives what is in it.
    pub fn open(
        path: &Path,
        durability: Durability,
    ) -> Result<(Journal, Vec<JournalRecord>), Error> {
        let (file, records) = AppendFile::open(path, durability)?;
        let records = records.iter().map(|bytes| dkron_wire::decode_journal(bytes));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        Ok((Journal::over(Box::new(file)), records))
    }

    /// Over records that were read already.
    pub fn over(file: Box<dyn Records>) -> Journal {
        let base = file.len_bytes();
        Journal { file, base }
    }

    /// Waits on a full disk, once the room that the file has kept ahead is used up: what follows
    /// from a record must not happen before it is written down.
    ///
    /// # Panics
    /// When the disk fails in any other way: a node that can not write down what it starts must
    /// not start anything.
    pub fn write(&mut self, record: &JournalRecord) {
        let bytes = dkron_wire::encode_journal(record);
        let mut is_waiting = false;
        while let Err(err) = self.file.append(&bytes) {
            assert!(err.is_full(), "the journal can not be written: {}", err.chain());
            if !std::mem::replace(&mut is_waiting, true) {
                tracing::error!(reason = err.chain(), "the journal waits for room on the disk");
            }
            std::thread::sleep(PAUSE);
        }
        if is_waiting {
            tracing::info!("the journal goes on: there is room again");
        }
    }

    /// Keeps the file in proportion to what the worker still answers for.
    pub fn compact(&mut self, worker: &Worker) {
        let long = self.file.len_bytes();
        if long < COMPACT_BYTES || long < self.base.saturating_mul(2) {
            return;
        }
        let records: Vec<Vec<u8>> =
            worker.journal().iter().map(dkron_wire::encode_journal).collect();
        match self.file.rewrite(&records) {
            Ok(()) => self.base = self.file.len_bytes(),
            Err(err) => {
                tracing::error!(reason = err.chain(), "the journal could not be rewritten");
                self.base = long;
            }
        }
    }
}
