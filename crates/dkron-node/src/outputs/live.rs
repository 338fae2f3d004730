//! Outputs of the executions that run on this node, readable while they grow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dkron_core::domain::Seq;
use dkron_exec::OutputReader;
use dkron_exec::output::{Piece, stored_output};

use crate::service::ExecutionView;

/// See the module. Clones share it.
#[derive(Clone, Default)]
pub struct LiveOutputs {
    by_seq: Arc<Mutex<HashMap<Seq, LiveOutput>>>,
}

/// One output that may still grow. Reading it costs its writer nothing.
#[derive(Clone)]
pub struct LiveOutput {
    reader: OutputReader,
    limit: usize,
}

impl LiveOutputs {
    pub fn add(&self, seq: Seq, reader: OutputReader, limit: usize) {
        self.lock().insert(seq, LiveOutput::new(reader, limit));
    }

    pub fn remove(&self, seq: Seq) {
        self.lock().remove(&seq);
    }

    pub fn get(&self, seq: Seq) -> Option<LiveOutput> {
        self.lock().get(&seq).cloned()
    }

    /// Puts what was written so far into views of running executions.
    pub async fn fill(&self, mut views: Vec<ExecutionView>) -> Vec<ExecutionView> {
        for view in &mut views {
            if let Some(output) = self.get(view.id.seq) {
                (view.output, view.dropped, _) = output.text().await;
            }
        }
        views
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Seq, LiveOutput>> {
        self.by_seq.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for LiveOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveOutput").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl LiveOutput {
    pub fn new(reader: OutputReader, limit: usize) -> LiveOutput {
        LiveOutput { reader, limit }
    }

    /// All that is kept, with a marker for what is not; how much that is, and how much was written.
    pub async fn text(&self) -> (Vec<u8>, u64, u64) {
        // A runner that has just gone holds nothing any more.
        let tail = self.reader.snapshot().await.unwrap_or_default();
        let total = tail.dropped + tail.bytes.len() as u64;
        let stored = stored_output(None, &tail, self.limit);
        (stored.bytes, stored.dropped, total)
    }

    /// At most `max` bytes from that offset, or from the oldest that is kept.
    pub async fn read(&self, from: u64, max: usize) -> std::io::Result<Piece> {
        self.reader.read(from, max).await
    }

    /// Waits until there may be more than `seen` bytes.
    pub async fn grown(&self, seen: u64) {
        self.reader.grown(seen).await;
    }
}
