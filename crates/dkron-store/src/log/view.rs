//! The log as its users see it: what was asked for, whether it is on the disk yet or not.
//!
//! Invariant: entries `start..end` exist without a gap; `cache` holds those from `cache_start` on,
//! among them all that the file doesn't hold yet.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::marks::Marks;
use super::writer::Command;
use crate::Error;

pub(super) type Bytes = Arc<Vec<u8>>;

pub(super) struct View {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) marks: Marks,
    /// Grows when entries are taken away, so that a read in two halves notices.
    pub(super) epoch: u64,

    pub(super) vote: Option<Vec<u8>>,
    pub(super) committed: Option<Vec<u8>>,
    pub(super) committed_dirty: bool,
    pub(super) purged: Option<(u64, Vec<u8>)>,

    pub(super) queue: VecDeque<Command>,
    pub(super) queue_bytes: usize,
    pub(super) seq_queued: u64,
    pub(super) closing: bool,
    pub(super) failed: Option<String>,
    /// Purged entries still lie in the file.
    pub(super) leftover: bool,

    cache: VecDeque<Cached>,
    cache_start: u64,
    cache_bytes: usize,
    cache_bytes_max: usize,
}

struct Cached {
    /// The command that carries the entry: only after it was committed the file may answer.
    seq: u64,
    bytes: Bytes,
}

pub(super) struct Plan {
    pub(super) from_file: Range<u64>,
    pub(super) from_memory: Vec<(u64, Bytes)>,
}

impl View {
    pub(super) fn new(cache_bytes_max: usize) -> View {
        View {
            start: 0,
            end: 0,
            marks: Marks::default(),
            epoch: 0,
            vote: None,
            committed: None,
            committed_dirty: false,
            purged: None,
            queue: VecDeque::new(),
            queue_bytes: 0,
            seq_queued: 0,
            closing: false,
            failed: None,
            leftover: false,
            cache: VecDeque::new(),
            cache_start: 0,
            cache_bytes: 0,
            cache_bytes_max,
        }
    }

    /// Takes an entry that the file holds already.
    pub(super) fn found(&mut self, index: u64, len: usize, at: Instant) {
        if self.start == self.end {
            self.start = index;
        }
        self.end = index + 1;
        self.cache_start = self.end;
        self.marks.push(index, len, at);
    }

    pub(super) fn append(
        &mut self,
        entries: Vec<(u64, Vec<u8>)>,
    ) -> Result<Vec<(u64, Bytes)>, Error> {
        self.check_order(&entries)?;
        let (seq, at) = (self.seq_queued + 1, Instant::now());
        let mut taken = Vec::with_capacity(entries.len());
        for (index, bytes) in entries {
            if self.start == self.end {
                (self.start, self.cache_start) = (index, index);
            }
            self.end = index + 1;
            self.marks.push(index, bytes.len(), at);
            self.cache_bytes += bytes.len();
            let bytes = Arc::new(bytes);
            self.cache.push_back(Cached { seq, bytes: Arc::clone(&bytes) });
            taken.push((index, bytes));
        }
        Ok(taken)
    }

    /// The sizes that are counted stay those of the old entry.
    pub(super) fn replace(&mut self, index: u64, bytes: Vec<u8>) -> Result<Bytes, Error> {
        if !(self.start..self.end).contains(&index) {
            return Err(Error::Order { what: "log entry", index, expected: self.start });
        }
        let (seq, bytes) = (self.seq_queued + 1, Arc::new(bytes));
        let at = index.checked_sub(self.cache_start).and_then(|at| usize::try_from(at).ok());
        if let Some(cached) = at.and_then(|at| self.cache.get_mut(at)) {
            self.cache_bytes = self.cache_bytes - cached.bytes.len() + bytes.len();
            *cached = Cached { seq, bytes: Arc::clone(&bytes) };
        }
        self.epoch += 1;
        Ok(bytes)
    }

    fn check_order(&self, entries: &[(u64, Vec<u8>)]) -> Result<(), Error> {
        let Some((first, _)) = entries.first() else {
            return Ok(());
        };
        // Only a log that never held anything may begin anywhere.
        let free = self.start == self.end && self.purged.is_none();
        let expected = if free { *first } else { self.end };
        for (expected, (index, _)) in (expected..).zip(entries) {
            if *index != expected || *index == u64::MAX {
                return Err(Error::Order { what: "log entry", index: *index, expected });
            }
        }
        Ok(())
    }

    pub(super) fn truncate_after(&mut self, index: u64) {
        let end = self.end.min(index.saturating_add(1)).max(self.start);
        while self.end > end {
            self.end -= 1;
            if let Some(gone) = self.cache.pop_back() {
                self.cache_bytes -= gone.bytes.len();
            } else {
                self.end = end;
            }
        }
        self.cache_start = self.cache_start.min(end);
        self.marks.truncate_to(end);
        self.epoch += 1;
    }

    pub(super) fn purge_upto(&mut self, index: u64, marker: Vec<u8>) -> Result<(), Error> {
        let done = self.purged.as_ref().map_or(0, |(index, _)| *index);
        if index < done || index == u64::MAX {
            return Err(Error::Order { what: "purge", index, expected: done });
        }
        self.purged = Some((index, marker));
        self.start = self.start.max(index + 1);
        self.end = self.end.max(self.start);
        while self.cache_start < self.start {
            self.forget_first();
        }
        self.marks.purge_to(self.start);
        self.epoch += 1;
        Ok(())
    }

    /// Tells which part of a range memory has and which part must come from the file.
    pub(super) fn plan(&self, range: Range<u64>, bytes_max: usize) -> Plan {
        let start = range.start.max(self.start);
        let end = range.end.min(self.end).max(start);
        let border = self.cache_start.clamp(start, end);
        let mut room = bytes_max;
        let mut from_memory = Vec::new();
        for index in border..end {
            let at = usize::try_from(index - self.cache_start).expect("the cache is in memory");
            let bytes = &self.cache[at].bytes;
            if !from_memory.is_empty() && bytes.len() > room {
                break;
            }
            room = room.saturating_sub(bytes.len());
            from_memory.push((index, Arc::clone(bytes)));
        }
        Plan { from_file: start..border, from_memory }
    }

    /// The file now holds all commands up to `seq`: old entries may leave the cache.
    pub(super) fn committed_upto(&mut self, seq: u64) {
        while self.cache_bytes > self.cache_bytes_max
            && self.cache.front().is_some_and(|first| first.seq <= seq)
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        match self.cache.pop_front() {
            Some(gone) => {
                self.cache_bytes -= gone.bytes.len();
                self.cache_start += 1;
            }
            None => self.cache_start = self.start.max(self.cache_start),
        }
    }
}
