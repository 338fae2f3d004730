//! The log and the vote, strict: what was acknowledged is there after a power loss or is reported
//! as damaged, never cut in silence.
//!
//! One writer thread drains the queue into one commit with one fsync (that is the group commit),
//! so all writes keep their order. A view in memory runs ahead of the disk: an entry can be read
//! as soon as `append` returned, it is durable when its `done` was called. What an entry means,
//! its term or its author, stands in its bytes and is not known here.
//!
//! ```text
//!   append ─► view (memory) ─► queue ─► writer: one transaction, one fsync ─► done
//!   read   ◄─ view, else file
//! ```

mod backend;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod faults;
mod marks;
#[cfg(test)]
mod power_loss;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{Durability, Error};
use table::Table;
use view::View;
use writer::{Command, Step};

/// Called once on the writer thread, after the write is durable or has failed. It must not wait
/// for this log. Where a call itself returns an error, its `Done` is dropped uncalled.
pub type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// LIMIT: bytes of one entry.
pub const ENTRY_BYTES_MAX: usize = 32 << 20;
/// LIMIT: a vote, a committed id, a purge marker.
pub const RECORD_BYTES_MAX: usize = 64 << 10;
/// LIMIT: what waits for the writer; beyond it `append` waits.
const QUEUE_BYTES_MAX: usize = 64 << 20;
const QUEUE_COMMANDS_MAX: usize = 65_536;

#[derive(Clone, Debug)]
pub struct Options {
    pub durability: Durability,
    /// Page cache of the engine, whose own default is a gigabyte.
    pub engine_cache_bytes: usize,
    /// The newest entries kept in memory beyond those that are not yet durable.
    pub tail_cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            durability: Durability::Fsync,
            engine_cache_bytes: 8 << 20,
            tail_cache_bytes: 1 << 20,
        }
    }
}

pub struct Log {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    view: Mutex<View>,
    /// The writer has something to do.
    work: Condvar,
    /// The queue was drained.
    room: Condvar,
    table: Table,
    path: PathBuf,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, View> {
        // A panic elsewhere cannot leave the view half changed in a way that later checks miss.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Opens or creates the log and checks every entry in it.
    pub fn open(path: &Path, options: Options) -> Result<Log, Error> {
        let table = Table::open(path, options.durability, options.engine_cache_bytes)?;
        Log::over(table, path, &options)
    }

    fn over(table: Table, path: &Path, options: &Options) -> Result<Log, Error> {
        let view = table.load(options.tail_cache_bytes)?;
        let shared = Arc::new(Shared {
            view: Mutex::new(view),
            work: Condvar::new(),
            room: Condvar::new(),
            table,
            path: path.to_path_buf(),
        });
        let for_writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || writer::run(&for_writer))
            .map_err(Error::io("start the writer of", path))?;
        shared.table.room.be_patient();
        Ok(Log { shared, thread: Some(thread) })
    }

    /// Queues consecutive entries; `done` tells when they are durable. They can be read at once.
    /// An empty list is answered in order, too. Waits only while the queue is full.
    pub fn append(&self, entries: Vec<(u64, Vec<u8>)>, done: Done) -> Result<(), Error> {
        for (_, bytes) in &entries {
            check_len("log entry", bytes, ENTRY_BYTES_MAX)?;
        }
        let mut view = self.admit()?;
        let entries = view.append(entries)?;
        self.queue(view, Step::Append(entries), done);
        Ok(())
    }

    /// Puts other bytes in the place of an entry that is there, for a repair by hand: who has read
    /// the old ones does not hear of it. Durable when it returns.
    pub fn replace(&self, index: u64, bytes: Vec<u8>) -> Result<(), Error> {
        check_len("log entry", &bytes, ENTRY_BYTES_MAX)?;
        self.wait_for(|done| {
            let mut view = self.admit()?;
            let bytes = view.replace(index, bytes)?;
            self.queue(view, Step::Append(vec![(index, bytes)]), done);
            Ok(())
        })
    }

    /// Removes all entries after `index`.
    pub fn truncate_after(&self, index: u64) -> Result<(), Error> {
        self.wait_for(|done| self.truncate_after_then(index, done))
    }

    pub fn truncate_after_then(&self, index: u64, done: Done) -> Result<(), Error> {
        let mut view = self.admit()?;
        view.truncate_after(index);
        self.queue(view, Step::Truncate(index), done);
        Ok(())
    }

    /// Removes all entries up to and with `index`, which may lie beyond the last one; `marker` is
    /// kept in their place. The marker is durable at once, room is freed in small steps after it.
    pub fn purge_upto(&self, index: u64, marker: Vec<u8>) -> Result<(), Error> {
        self.wait_for(|done| self.purge_upto_then(index, marker, done))
    }

    pub fn purge_upto_then(&self, index: u64, marker: Vec<u8>, done: Done) -> Result<(), Error> {
        check_len("purge marker", &marker, RECORD_BYTES_MAX)?;
        let mut view = self.admit()?;
        view.purge_upto(index, marker.clone())?;
        self.queue(view, Step::Purge(index, marker), done);
        Ok(())
    }

    /// The vote is durable when this returns.
    pub fn save_vote(&self, bytes: Vec<u8>) -> Result<(), Error> {
        self.wait_for(|done| self.save_vote_then(bytes, done))
    }

    pub fn save_vote_then(&self, bytes: Vec<u8>, done: Done) -> Result<(), Error> {
        check_len("vote", &bytes, RECORD_BYTES_MAX)?;
        let mut view = self.admit()?;
        view.vote = Some(bytes.clone());
        self.queue(view, Step::Vote(bytes), done);
        Ok(())
    }

    pub fn read_vote(&self) -> Option<Vec<u8>> {
        self.shared.lock().vote.clone()
    }

    /// Travels with the next commit, whatever causes it; not durable by itself.
    pub fn save_committed(&self, bytes: Vec<u8>) -> Result<(), Error> {
        check_len("committed id", &bytes, RECORD_BYTES_MAX)?;
        let mut view = self.shared.lock();
        view.committed = Some(bytes);
        view.committed_dirty = true;
        Ok(())
    }

    pub fn read_committed(&self) -> Option<Vec<u8>> {
        self.shared.lock().committed.clone()
    }

    /// The marker of the last purge and its index.
    pub fn read_purged(&self) -> Option<(u64, Vec<u8>)> {
        self.shared.lock().purged.clone()
    }

    /// Entries of the range that exist, in order, at least one if there is any, then as many as
    /// fit into `bytes_max`.
    pub fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        loop {
            let (plan, epoch) = {
                let view = self.shared.lock();
                (view.plan(range.clone(), bytes_max), view.epoch)
            };
            let read = self.shared.table.read(plan.from_file.clone(), bytes_max);
            // A cut or purge in between makes the two halves strangers.
            if self.shared.lock().epoch != epoch {
                continue;
            }
            let mut entries = read?;
            let mut room = bytes_max;
            for (_, bytes) in &entries {
                room = room.saturating_sub(bytes.len());
            }
            if entries.len() as u64 == plan.from_file.end - plan.from_file.start {
                for (index, bytes) in plan.from_memory {
                    if !entries.is_empty() && bytes.len() > room {
                        break;
                    }
                    room = room.saturating_sub(bytes.len());
                    entries.push((index, bytes.as_ref().clone()));
                }
            }
            return Ok(entries);
        }
    }

    pub fn last(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        loop {
            let Some(last) = self.last_index() else {
                return Ok(None);
            };
            if let Some(entry) = self.read(last..last + 1, 0)?.pop() {
                return Ok(Some(entry));
            }
        }
    }

    pub fn first_index(&self) -> Option<u64> {
        let view = self.shared.lock();
        (view.start < view.end).then_some(view.start)
    }

    pub fn last_index(&self) -> Option<u64> {
        let view = self.shared.lock();
        (view.start < view.end).then(|| view.end - 1)
    }

    /// Bytes of the entries that are there, exact to some 64 KiB.
    pub fn bytes_on_disk(&self) -> u64 {
        let view = self.shared.lock();
        view.marks.bytes_of(view.start..view.end)
    }

    /// Bytes of the entries of a range, exact to some 64 KiB.
    pub fn bytes_of_range(&self, range: Range<u64>) -> u64 {
        let view = self.shared.lock();
        view.marks.bytes_of(range.start.max(view.start)..range.end.min(view.end))
    }

    /// The highest index that may be purged so that `keep_bytes` and what was appended within
    /// `keep_time` both stay. Entries found at open count from the open on.
    pub fn purgeable(&self, keep_bytes: u64, keep_time: Duration) -> Option<u64> {
        let view = self.shared.lock();
        view.marks.purgeable(keep_bytes, keep_time).filter(|index| *index >= view.start)
    }

    /// Why the log takes no more writes, if it met a failure. It stays so until it is opened anew:
    /// after a failed fsync nobody knows what is on the disk.
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().failed.clone()
    }

    /// Whether a write waits because the disk is full. Everything goes on by itself when there is
    /// room; until then nothing more becomes durable.
    pub fn is_waiting_for_room(&self) -> bool {
        self.shared.table.room.is_waiting()
    }

    fn admit(&self) -> Result<MutexGuard<'_, View>, Error> {
        let mut view = self.shared.lock();
        loop {
            if let Some(reason) = &view.failed {
                return Err(Error::Stopped { what: "the log", reason: reason.clone() });
            }
            if view.queue.len() < QUEUE_COMMANDS_MAX && view.queue_bytes < QUEUE_BYTES_MAX {
                return Ok(view);
            }
            view = self.shared.room.wait(view).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self, mut view: MutexGuard<'_, View>, step: Step, done: Done) {
        view.queue_bytes += step.len();
        view.seq_queued += 1;
        view.queue.push_back(Command { step, done });
        drop(view);
        self.shared.work.notify_one();
    }

    fn wait_for(&self, submit: impl FnOnce(Done) -> Result<(), Error>) -> Result<(), Error> {
        let (answer, answered) = mpsc::sync_channel(1);
        submit(Box::new(move |result| {
            // The asker may be gone; then nobody needs the answer.
            let _ = answer.send(result);
        }))?;
        answered.recv().unwrap_or_else(|_| {
            Err(Error::Stopped { what: "the log", reason: "its writer ended".into() })
        })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_one();
        // What was not acknowledged may go; who closes does not wait for a full disk.
        self.shared.table.room.give_up();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the writer has been reported through `failure`.
            let _ = thread.join();
        }
    }
}

fn check_len(what: &'static str, bytes: &[u8], max: usize) -> Result<(), Error> {
    if bytes.len() > max {
        return Err(Error::TooLarge { what, len: bytes.len(), max });
    }
    Ok(())
}
