//! What a client posts: a definition, and the figures that Dkron lets a client bring along.

use super::{Job, Status, Timestamp};

/// A posted or restored job. Figures are a base: the larger (later) of stored and posted stays.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Submission {
    pub job: Job,
    pub success_count: u64,
    pub error_count: u64,
    pub last_success: Option<Timestamp>,
    pub last_error: Option<Timestamp>,
    /// Kept only for a job without a status of its own.
    pub status: Status,
}
