//! What a write says beside what it wants, and beside its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dkron_core::conductor::Demand;
use dkron_core::domain::LogIndex;

/// What belongs to one client's writes.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub receipt: Arc<Receipt>,
    /// Only for writes of a job.
    pub demand: Demand,
}

/// Filled before the answer to a write is given.
#[derive(Debug, Default)]
pub struct Receipt {
    index: AtomicU64,
}

impl Receipt {
    /// The entry that carried the write; of several the last.
    pub fn index(&self) -> Option<LogIndex> {
        let index = self.index.load(Ordering::Acquire);
        (index > 0).then_some(LogIndex(index))
    }

    /// Whoever has seen the log up to there has seen the write.
    pub fn note(&self, index: LogIndex) {
        self.index.fetch_max(index.0, Ordering::AcqRel);
    }
}
