//! What users did, newest last: a ring of rows, bounded without deletes.

use alloc::string::String;

use crate::domain::{JobNo, LogIndex, Timestamp, Verb, Version, limits};

/// One write of a user.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Activity {
    /// Its number; its place in the ring follows from it.
    pub no: u64,
    /// By the clock of who proposed it.
    pub at: Timestamp,
    /// The entry that carried it.
    pub index: LogIndex,
    pub by: String,
    pub from: String,
    pub verb: Verb,
    /// Name of a job or a node; empty = the cluster.
    pub object: String,
    /// The job that was meant, and its version afterwards.
    pub job: Option<(JobNo, Version)>,
    /// At most `limits::DETAIL_BYTES`.
    pub detail: String,
}

impl Activity {
    /// The place in the ring.
    pub const fn slot(no: u64) -> u64 {
        no % limits::ACTIVITIES
    }

    /// The oldest that the ring still holds, of so many.
    pub const fn oldest(next: u64) -> u64 {
        next.saturating_sub(limits::ACTIVITIES)
    }
}
