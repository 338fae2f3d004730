//! The library's log storage over the log of `dkron-store`.
//!
//! It translates and keeps no entry of its own: order, group commit and reading what is not yet
//! durable are the log's. `append` returns at once and the log's writer thread completes it.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use dkron_store::log::Done;
use futures::{Stream, stream};
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::oneshot;

use crate::codec;
use crate::config::{Entry, LogId, Types, Vote};
use crate::disk::LogDisk;

/// Bytes read at a time when entries are applied or sent to others.
const READ_BYTES: usize = 4 << 20;

#[derive(Clone)]
pub(crate) struct LogStore {
    log: Arc<dyn LogDisk>,
}

impl LogStore {
    pub(crate) fn new(log: Arc<dyn LogDisk>) -> Self {
        Self { log }
    }

    fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let stored = self.log.read(range, bytes_max).map_err(io::Error::other)?;
        stored.into_iter().map(|(index, bytes)| decoded(index, bytes)).collect()
    }

    /// Waits for one write without blocking the consensus thread.
    async fn durable<F>(&self, submit: F) -> io::Result<()>
    where
        F: FnOnce(Done) -> Result<(), dkron_store::Error>,
    {
        let (answer, answered) = oneshot::channel();
        let done: Done = Box::new(move |result| {
            // The asker is gone only when consensus stops; then nobody needs the answer.
            let _ = answer.send(result);
        });
        submit(done).map_err(io::Error::other)?;
        let result = answered.await.map_err(|_| io::Error::other("the log's writer ended"))?;
        result.map_err(io::Error::other)
    }
}

fn decoded(index: u64, bytes: Vec<u8>) -> io::Result<Entry> {
    let entry = codec::read_entry(bytes).map_err(io::Error::other)?;
    if entry.log_id.index != index {
        let found = entry.log_id.index;
        return Err(io::Error::other(format!("log entry {index} says it is entry {found}")));
    }
    Ok(entry)
}

fn bounds(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(index) => index.saturating_add(1),
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl RaftLogReader<Types> for LogStore {
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = Result<Entry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let step =
            Step { store: self.clone(), rest: bounds(&range), ready: Vec::new().into_iter() };
        stream::iter(step)
    }

    async fn try_get_log_entries<RB>(&mut self, range: RB) -> Result<Vec<Entry>, io::Error>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(bounds(&range), usize::MAX)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        self.read(start..end, READ_BYTES)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        let stored = self.log.read_vote();
        stored.map(|bytes| codec::read_vote(&bytes)).transpose().map_err(io::Error::other)
    }
}

/// Reads a long range piece by piece, so that catching up takes bounded memory.
struct Step {
    store: LogStore,
    rest: Range<u64>,
    ready: std::vec::IntoIter<Entry>,
}

impl Iterator for Step {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.ready.next() {
            return Some(Ok(entry));
        }
        if self.rest.is_empty() {
            return None;
        }
        match self.store.read(self.rest.clone(), READ_BYTES) {
            Ok(entries) => {
                self.rest.start = entries.last().map_or(self.rest.end, |e| e.log_id.index + 1);
                self.ready = entries.into_iter();
                self.ready.next().map(Ok)
            }
            Err(err) => {
                self.rest.start = self.rest.end;
                Some(Err(err))
            }
        }
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let purged = self.log.read_purged().map(|(_, marker)| codec::read_log_id(&marker));
        let purged = purged.transpose().map_err(io::Error::other)?;
        let last = self.log.last().map_err(io::Error::other)?;
        let last = last.map(|(index, bytes)| decoded(index, bytes)).transpose()?;
        let last = last.map(|entry| entry.log_id).or(purged);
        Ok(LogState { last_purged_log_id: purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let bytes = codec::vote(vote);
        self.durable(|done| self.log.save_vote_then(bytes, done)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        match committed {
            Some(id) => self.log.save_committed(codec::log_id(id)).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        let stored = self.log.read_committed();
        stored.map(|bytes| codec::read_log_id(&bytes)).transpose().map_err(io::Error::other)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let encode = |entry: Entry| (entry.log_id.index, codec::entry(&entry));
        let entries = entries.into_iter().map(encode).collect();
        let done: Done =
            Box::new(move |result| callback.io_completed(result.map_err(io::Error::other)));
        self.log.append(entries, done).map_err(io::Error::other)
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let Some(last) = last else {
            // Entry 0 is the founding membership. Who disagrees there is of another cluster, and
            // foreign data is refused, not overwritten.
            return Err(io::Error::other(
                "the leader's log differs from the first entry on: this data directory belongs to \
                 another cluster; wipe it to join this one",
            ));
        };
        self.durable(|done| self.log.truncate_after_then(last.index, done)).await
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        // Not waited for: the log keeps the order of writes, an older purge after a crash is
        // harmless, and a failure stops the log for the next append.
        let done: Done = Box::new(|result| {
            if let Err(err) = result {
                tracing::error!(error = %err.chain(), "failed to purge the log");
            }
        });
        let marker = codec::log_id(upto);
        self.log.purge_upto_then(upto.index, marker, done).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests;
