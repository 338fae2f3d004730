//! The output of a run: a bounded tail that somebody writes and anybody may read meanwhile.
//!
//! Only the end of a long output is kept, and it is counted how much went. The writer never waits
//! for a reader. Executors within the agent write into a spool of the sink; the output of a
//! process stays with the runner, and the sink's readers ask there.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dkron_core::domain::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::executor::BoxFuture;

mod spool;

pub use spool::{MEMORY_BYTES, Spool, prepare_directory};

/// Bytes kept of an output unless settings say otherwise; Dkron's number.
pub const DEFAULT_LIMIT: usize = 256_000;

/// The largest limit that can be set.
pub const LIMIT_MAX: usize = 64 << 20;

/// An error text that stands before an output is cut to this.
const ERROR_BYTES_MAX: usize = 8 << 10;

/// The output of a run that goes on, wherever it is kept. Offsets count the bytes that the run
/// wrote, from 0.
pub trait RunOutput: Send + Sync {
    /// At most `max` bytes from the offset `from`, or from the oldest one that is kept. Where the
    /// output is kept may have a bound of its own for one piece.
    fn read(&self, from: u64, max: usize) -> BoxFuture<io::Result<Piece>>;

    /// Resolves once more than `seen` bytes were written, or nothing more will be. It may do so
    /// early: look again.
    fn grown(&self, seen: u64) -> BoxFuture<()>;
}

/// A part of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    pub bytes: Bytes,
    /// The offset of the first byte; more than was asked for if those before are gone.
    pub start: u64,
    /// Bytes written so far.
    pub total: u64,
    /// Nothing more will be written.
    pub done: bool,
}

impl Piece {
    /// The offset behind the last byte: where the next piece begins.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// The writing end. Clones write to the same output.
#[derive(Clone)]
pub struct OutputSink {
    shared: Arc<Shared>,
}

type OnStarted = Box<dyn Fn(StartedProcess) + Send + Sync>;

struct Shared {
    limit: usize,
    state: Mutex<State>,
    grew: Notify,
    on_started: Option<OnStarted>,
}

struct State {
    kept: Kept,
    process: Option<StartedProcess>,
    /// The share of a large output in the room that all of them have.
    room: Option<OwnedSemaphorePermit>,
}

enum Kept {
    Here(Spool),
    /// With the runner; `there` also answers readers.
    Elsewhere {
        there: Arc<dyn RunOutput>,
        spool: Spool,
    },
    Finished(OutputTail),
}

/// A process that was started for a run. Group and start time together name it for as long as the
/// machine is up; the number alone may be given to another process later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartedProcess {
    /// Its own number, which is also that of its group.
    pub process_group: u32,
    /// Clock ticks since the machine started, as the kernel counts them.
    pub start_time: u64,
    pub started_at: Timestamp,
}

/// The end of an output, and how many bytes before it were dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputTail {
    pub bytes: Bytes,
    pub dropped: u64,
}

impl OutputSink {
    /// A sink that keeps the last `limit` bytes, in memory.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::build(limit, None, None)
    }

    /// A sink that also tells when a process was started for the run. The call comes before the
    /// outcome of the run and must not block.
    #[must_use]
    pub fn with_on_started(
        limit: usize,
        on_started: impl Fn(StartedProcess) + Send + Sync + 'static,
    ) -> Self {
        Self::build(limit, None, Some(Box::new(on_started)))
    }

    /// The same, with a prepared directory for what is too large for memory.
    #[must_use]
    pub fn spooled(
        limit: usize,
        directory: Arc<Path>,
        on_started: impl Fn(StartedProcess) + Send + Sync + 'static,
    ) -> Self {
        Self::build(limit, Some(directory), Some(Box::new(on_started)))
    }

    fn build(limit: usize, directory: Option<Arc<Path>>, on_started: Option<OnStarted>) -> Self {
        let limit = limit.clamp(1, LIMIT_MAX);
        let kept = Kept::Here(Spool::new(limit, directory));
        let state = Mutex::new(State { kept, process: None, room: None });
        Self { shared: Arc::new(Shared { limit, state, grew: Notify::new(), on_started }) }
    }

    /// The number of bytes that are kept.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.shared.limit
    }

    /// Appends to the output.
    pub fn write(&self, bytes: &[u8]) {
        let memory_max = MEMORY_BYTES.min(self.shared.limit);
        self.change(|spool| spool.write(bytes, memory_max));
    }

    /// Notes that bytes were lost before they came here; what was written until now is no longer
    /// the tail of anything.
    pub fn skip(&self, dropped: u64) {
        self.change(|spool| spool.skip(dropped));
    }

    fn change(&self, change: impl FnOnce(&mut Spool)) {
        match &mut self.shared.lock().kept {
            Kept::Here(spool) | Kept::Elsewhere { spool, .. } => change(spool),
            Kept::Finished(_) => {}
        }
        self.shared.grew.notify_waiters();
    }

    /// From now on readers ask `there`.
    pub fn kept_elsewhere(&self, there: Arc<dyn RunOutput>) {
        let mut state = self.shared.lock();
        if matches!(state.kept, Kept::Here(_)) {
            let spool = Spool::new(self.shared.limit, None);
            state.kept = Kept::Elsewhere { there, spool };
        }
        drop(state);
        self.shared.grew.notify_waiters();
    }

    /// What was kept elsewhere, now that nothing more comes from there; `room` is given back with
    /// the last clone of the sink and the last reader.
    pub fn brought(&self, tail: &OutputTail, room: Option<OwnedSemaphorePermit>) {
        let mut spool = Spool::new(self.shared.limit, None);
        spool.skip(tail.dropped);
        spool.write(&tail.bytes, self.shared.limit);
        let mut state = self.shared.lock();
        state.kept = Kept::Here(spool);
        state.room = room;
        drop(state);
        self.shared.grew.notify_waiters();
    }

    /// Notes the process that does the work.
    pub fn started(&self, process: StartedProcess) {
        self.shared.lock().process = Some(process);
        if let Some(tell) = &self.shared.on_started {
            tell(process);
        }
    }

    /// Whether nothing is kept here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.shared.lock().kept {
            Kept::Here(spool) | Kept::Elsewhere { spool, .. } => spool.is_empty(),
            Kept::Finished(tail) => tail.bytes.is_empty(),
        }
    }

    /// A reader for the time of the run and after it.
    #[must_use]
    pub fn reader(&self) -> OutputReader {
        OutputReader { shared: Arc::clone(&self.shared) }
    }

    /// Ends the output: what is written later is nobody's. Readers that are still there see the
    /// rest of it.
    #[must_use]
    pub fn finish(&self) -> OutputTail {
        let mut state = self.shared.lock();
        let tail = match &state.kept {
            Kept::Here(spool) | Kept::Elsewhere { spool, .. } => whole(spool),
            Kept::Finished(tail) => tail.clone(),
        };
        state.kept = Kept::Finished(tail.clone());
        drop(state);
        self.shared.grew.notify_waiters();
        tail
    }
}

/// A spool that cannot be read any more has lost everything.
fn whole(spool: &Spool) -> OutputTail {
    let read = spool.read(0, usize::MAX);
    let (dropped, bytes) = read.unwrap_or_else(|_| (spool.total(), Vec::new()));
    OutputTail { bytes: Bytes::from(bytes), dropped }
}

/// The reading end: sees the tail that has come in so far.
#[derive(Clone)]
pub struct OutputReader {
    shared: Arc<Shared>,
}

impl OutputReader {
    /// At most `max` bytes from the offset `from`; see [`RunOutput::read`].
    ///
    /// # Errors
    /// If where it is kept cannot be reached or read.
    pub async fn read(&self, from: u64, max: usize) -> io::Result<Piece> {
        let there = match self.shared.here(from, max)? {
            Ok(piece) => return Ok(piece),
            Err(there) => there,
        };
        match there.read(from, max).await {
            // Notes of the agent may follow what the process wrote.
            Ok(piece) => Ok(Piece { done: false, ..piece }),
            // It may have been brought here meanwhile.
            Err(err) => self.shared.here(from, max)?.map_err(|_| err),
        }
    }

    /// Waits until more than `seen` bytes were written or nothing more will be. Cancel-safe.
    pub async fn grown(&self, seen: u64) {
        loop {
            let changed = self.shared.grew.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let there = match self.shared.lock().news(seen) {
                Ok(true) => return,
                Ok(false) => None,
                Err(there) => Some(there),
            };
            match there {
                None => changed.await,
                Some(there) => tokio::select! {
                    () = changed => {}
                    () = there.grown(seen) => return,
                },
            }
        }
    }

    /// The whole tail as it is now.
    ///
    /// # Errors
    /// If where it is kept cannot be reached or read.
    pub async fn snapshot(&self) -> io::Result<OutputTail> {
        let first = self.read(0, usize::MAX).await?;
        if first.end() >= first.total {
            return Ok(OutputTail { bytes: first.bytes, dropped: first.start });
        }
        let (mut dropped, mut bytes) = (first.start, first.bytes.to_vec());
        let (mut at, goal) = (first.end(), first.total);
        while at < goal {
            let piece = self.read(at, usize::MAX).await?;
            if piece.start > at {
                // It went on faster than it was read; the newer end counts.
                (dropped, bytes) = (piece.start, Vec::new());
            }
            bytes.extend_from_slice(&piece.bytes);
            if piece.bytes.is_empty() {
                break;
            }
            at = piece.end();
        }
        Ok(OutputTail { bytes: Bytes::from(bytes), dropped })
    }

    /// The process that does the work, once it was started.
    #[must_use]
    pub fn process(&self) -> Option<StartedProcess> {
        self.shared.lock().process
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic between two appends leaves a valid tail.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece of what is kept here, or who keeps it.
    fn here(&self, from: u64, max: usize) -> io::Result<Result<Piece, Arc<dyn RunOutput>>> {
        match &self.lock().kept {
            Kept::Here(spool) => {
                let (start, bytes) = spool.read(from, max)?;
                let bytes = Bytes::from(bytes);
                Ok(Ok(Piece { bytes, start, total: spool.total(), done: false }))
            }
            Kept::Elsewhere { there, .. } => Ok(Err(Arc::clone(there))),
            Kept::Finished(tail) => {
                let total = tail.dropped + tail.bytes.len() as u64;
                let start = from.clamp(tail.dropped, total);
                let at = usize::try_from(start - tail.dropped).unwrap_or(usize::MAX);
                let bytes = tail.bytes.slice(at..tail.bytes.len().min(at.saturating_add(max)));
                Ok(Ok(Piece { bytes, start, total, done: true }))
            }
        }
    }
}

impl State {
    /// Whether there is something behind `seen`, or who knows.
    fn news(&self, seen: u64) -> Result<bool, Arc<dyn RunOutput>> {
        match &self.kept {
            Kept::Here(spool) => Ok(spool.total() > seen),
            Kept::Elsewhere { there, .. } => Err(Arc::clone(there)),
            Kept::Finished(_) => Ok(true),
        }
    }
}

/// What is stored as the output of a finished run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredOutput {
    pub bytes: Vec<u8>,
    /// Bytes of the run's own output that are not in it.
    pub dropped: u64,
}

/// Puts error text, a marker for what was dropped and the tail together, within `limit` bytes.
#[must_use]
pub fn stored_output(error: Option<&str>, tail: &OutputTail, limit: usize) -> StoredOutput {
    let mut bytes = Vec::new();
    if let Some(error) = error {
        let room = ERROR_BYTES_MAX.min(limit.saturating_sub(1));
        bytes.extend_from_slice(head_of(error, room).as_bytes());
        bytes.push(b'\n');
    }
    let room = limit.saturating_sub(bytes.len());
    if tail.dropped == 0 && tail.bytes.len() <= room {
        bytes.extend_from_slice(&tail.bytes);
        return StoredOutput { bytes, dropped: 0 };
    }
    // The marker's number depends on how much room the marker leaves; room for the longest one
    // settles that.
    let longest = marker(tail.dropped.saturating_add(tail.bytes.len() as u64)).len();
    let kept = cut_at_character(&tail.bytes, room.saturating_sub(longest));
    let dropped = tail.dropped + (tail.bytes.len() - kept.len()) as u64;
    let marker = marker(dropped);
    if bytes.len() + marker.len() + kept.len() <= limit {
        bytes.extend_from_slice(marker.as_bytes());
    }
    bytes.extend_from_slice(kept);
    StoredOutput { bytes, dropped }
}

fn marker(dropped: u64) -> String {
    format!("[... {dropped} bytes dropped ...]\n")
}

fn head_of(text: &str, room: usize) -> &str {
    &text[..text.floor_char_boundary(room)]
}

/// The last `room` bytes, without the rest of a UTF-8 character whose beginning is gone.
fn cut_at_character(bytes: &[u8], room: usize) -> &[u8] {
    let tail = &bytes[bytes.len().saturating_sub(room)..];
    let rest = tail.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count();
    &tail[rest..]
}

#[cfg(test)]
mod tests;
