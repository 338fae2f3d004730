//! The output of a run: a bounded tail that an executor writes and anybody may read meanwhile.
//!
//! Only the end of a long output is kept, and it is counted how much went. The writer never waits
//! for a reader.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Bytes kept of an output unless settings say otherwise; Dkron's number.
pub const DEFAULT_LIMIT: usize = 256_000;

/// The largest limit that can be set.
pub const LIMIT_MAX: usize = 8 << 20;

/// An error text that stands before an output is cut to this.
const ERROR_BYTES_MAX: usize = 8 << 10;

/// The writing end. Clones write to the same output.
#[derive(Clone)]
pub struct OutputSink {
    shared: Arc<Shared>,
}

struct Shared {
    limit: usize,
    state: Mutex<State>,
    on_started: Option<Box<dyn Fn(StartedProcess) + Send + Sync>>,
}

#[derive(Default)]
struct State {
    tail: VecDeque<u8>,
    dropped: u64,
    process: Option<StartedProcess>,
}

/// A process that was started for a run. Group and start time together name it for as long as the
/// machine is up; the number alone may be given to another process later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedProcess {
    pub pid: u32,
    pub process_group: u32,
    /// Clock ticks since the machine started, as the kernel counts them.
    pub start_time: u64,
}

/// The end of an output, and how many bytes before it were dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputTail {
    pub bytes: Vec<u8>,
    pub dropped: u64,
}

impl OutputSink {
    /// A sink that keeps the last `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::build(limit, None)
    }

    /// A sink that also tells when a process was started for the run. The call comes before the
    /// outcome of the run and must not block.
    #[must_use]
    pub fn with_on_started(
        limit: usize,
        on_started: impl Fn(StartedProcess) + Send + Sync + 'static,
    ) -> Self {
        Self::build(limit, Some(Box::new(on_started)))
    }

    fn build(limit: usize, on_started: Option<Box<dyn Fn(StartedProcess) + Send + Sync>>) -> Self {
        let limit = limit.clamp(1, LIMIT_MAX);
        Self { shared: Arc::new(Shared { limit, state: Mutex::default(), on_started }) }
    }

    /// The number of bytes that are kept.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.shared.limit
    }

    /// Appends to the output.
    pub fn write(&self, bytes: &[u8]) {
        self.shared.lock().push(bytes, self.shared.limit);
    }

    /// Notes that bytes were lost before they came here; what was written until now is no longer
    /// the tail of anything.
    pub fn skip(&self, dropped: u64) {
        if dropped > 0 {
            let mut state = self.shared.lock();
            state.dropped += dropped + state.tail.len() as u64;
            state.tail.clear();
        }
    }

    /// Notes the process that does the work.
    pub fn started(&self, process: StartedProcess) {
        self.shared.lock().process = Some(process);
        if let Some(tell) = &self.shared.on_started {
            tell(process);
        }
    }

    /// Whether nothing was written since the beginning or the last `finish`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.lock().tail.is_empty()
    }

    /// A reader for the time of the run and after it.
    #[must_use]
    pub fn reader(&self) -> OutputReader {
        OutputReader { shared: Arc::clone(&self.shared) }
    }

    /// Takes what there is; the sink is as new afterwards.
    #[must_use]
    pub fn finish(&self) -> OutputTail {
        let mut state = self.shared.lock();
        let tail = std::mem::take(&mut state.tail);
        OutputTail { bytes: tail.into(), dropped: state.dropped }
    }
}

/// The reading end: sees the tail that has come in so far.
#[derive(Clone)]
pub struct OutputReader {
    shared: Arc<Shared>,
}

impl OutputReader {
    /// A copy of the tail as it is now.
    #[must_use]
    pub fn snapshot(&self) -> OutputTail {
        let state = self.shared.lock();
        OutputTail { bytes: state.tail.iter().copied().collect(), dropped: state.dropped }
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
}

impl State {
    fn push(&mut self, bytes: &[u8], limit: usize) {
        let kept = &bytes[bytes.len().saturating_sub(limit)..];
        let over = (self.tail.len() + kept.len()).saturating_sub(limit);
        self.tail.drain(..over);
        self.tail.extend(kept);
        self.dropped += (over + bytes.len() - kept.len()) as u64;
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
