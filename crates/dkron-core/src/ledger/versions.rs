//! Versions of jobs that were: rows of their own, which the ledger never reads back. It knows which
//! there are, and which deleted jobs can still be brought back.

use alloc::string::String;
use alloc::sync::Arc;

use super::state::Ledger;
use crate::domain::{Job, JobName, JobNo, LogIndex, Timestamp, Verb, Version};

/// One version of a job, with who made it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct JobVersion {
    pub job: Arc<Job>,
    /// How it came about; `None` = nobody knows any more, it is from before version 4 of the
    /// cluster, and so are the figures below.
    pub verb: Option<Verb>,
    pub at: Timestamp,
    pub index: LogIndex,
    pub by: String,
    pub from: String,
}

/// A job that was deleted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Gone {
    pub name: JobName,
    pub job_no: JobNo,
    /// Versions that are kept of it.
    pub first: Version,
    pub last: Version,
    pub at: Timestamp,
}

impl Ledger {
    /// Jobs that were deleted and can be brought back, in the order of their ends.
    pub fn gone(&self) -> impl Iterator<Item = (LogIndex, &Gone)> {
        self.gone.iter().map(|(index, gone)| (*index, gone))
    }

    /// Whether the versions of a job are rows from its beginning on.
    pub(super) fn has_versions(&self, job_no: JobNo) -> bool {
        self.kept.contains_key(&job_no) || job_no.0 > self.versions_since.0
    }
}
