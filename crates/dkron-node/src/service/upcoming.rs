//! What will be due soon, over all jobs.

use std::time::Duration;

use dkron_core::domain::{JobName, Timestamp};

/// From now on, for how long, in how many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpcomingQuery {
    pub window: Duration,
    /// Parts of the window, at least a second long.
    pub buckets: usize,
    /// So many of the next slots by name.
    pub limit: usize,
}

/// Slots of that time, by the schedules as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upcoming {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Slots behind the instant, up to that of the next bucket.
    pub buckets: Vec<(Timestamp, u64)>,
    pub next: Vec<(Timestamp, JobName)>,
    /// Jobs that have any of them.
    pub jobs: usize,
    /// There was too much to look at: more slots are due than are counted here.
    pub truncated: bool,
}
