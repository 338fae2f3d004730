//! What a write says beside its answer.

use std::sync::atomic::{AtomicU64, Ordering};

use dkron_core::domain::LogIndex;

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
