//! Where the log is kept, as consensus sees it: a log on disk, or a model of one under virtual
//! time.

use std::ops::Range;
use std::time::Duration;

use dkron_store::Error;
use dkron_store::log::{Done, Log};

/// Writes keep their order. What was handed in can be read at once and is durable when its `Done`
/// was called; where a call itself returns an error, it is dropped uncalled.
pub trait LogDisk: Send + Sync + 'static {
    fn append(&self, entries: Vec<(u64, Vec<u8>)>, done: Done) -> Result<(), Error>;
    fn truncate_after_then(&self, index: u64, done: Done) -> Result<(), Error>;
    fn purge_upto_then(&self, index: u64, marker: Vec<u8>, done: Done) -> Result<(), Error>;
    fn save_vote_then(&self, bytes: Vec<u8>, done: Done) -> Result<(), Error>;
    fn read_vote(&self) -> Option<Vec<u8>>;
    /// Becomes durable with the next write, not by itself.
    fn save_committed(&self, bytes: Vec<u8>) -> Result<(), Error>;
    fn read_committed(&self) -> Option<Vec<u8>>;
    /// The last purge: its index and marker.
    fn read_purged(&self) -> Option<(u64, Vec<u8>)>;
    /// At least one entry of the range if there is any, then as many as fit.
    fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Vec<u8>)>, Error>;
    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, Error>;
    fn bytes_on_disk(&self) -> u64;
    /// The highest index that may be purged so that so much stays.
    fn purgeable(&self, keep_bytes: u64, keep_age: Duration) -> Option<u64>;
}

impl LogDisk for Log {
    fn append(&self, entries: Vec<(u64, Vec<u8>)>, done: Done) -> Result<(), Error> {
        Log::append(self, entries, done)
    }

    fn truncate_after_then(&self, index: u64, done: Done) -> Result<(), Error> {
        Log::truncate_after_then(self, index, done)
    }

    fn purge_upto_then(&self, index: u64, marker: Vec<u8>, done: Done) -> Result<(), Error> {
        Log::purge_upto_then(self, index, marker, done)
    }

    fn save_vote_then(&self, bytes: Vec<u8>, done: Done) -> Result<(), Error> {
        Log::save_vote_then(self, bytes, done)
    }

    fn read_vote(&self) -> Option<Vec<u8>> {
        Log::read_vote(self)
    }

    fn save_committed(&self, bytes: Vec<u8>) -> Result<(), Error> {
        Log::save_committed(self, bytes)
    }

    fn read_committed(&self) -> Option<Vec<u8>> {
        Log::read_committed(self)
    }

    fn read_purged(&self) -> Option<(u64, Vec<u8>)> {
        Log::read_purged(self)
    }

    fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        Log::read(self, range, bytes_max)
    }

    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        Log::last(self)
    }

    fn bytes_on_disk(&self) -> u64 {
        Log::bytes_on_disk(self)
    }

    fn purgeable(&self, keep_bytes: u64, keep_age: Duration) -> Option<u64> {
        Log::purgeable(self, keep_bytes, keep_age)
    }
}
