//! Questions beyond single executions of a job: figures over time, and ends across jobs.

use std::time::Duration;

use dkron_core::domain::stats::{Bucket, Span};
use dkron_core::domain::{JobName, JobNo, NodeName, Timestamp};

use super::ExecutionView;

/// Figures of whom, in which steps, of which time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsQuery {
    pub scope: Scope,
    /// Of a job hours or days; of the others any.
    pub span: Span,
    /// Buckets that end after this; `None` = all that are kept.
    pub from: Option<Timestamp>,
    /// Buckets that begin before this.
    pub to: Option<Timestamp>,
}

/// Whose figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Node(NodeName),
    Job(JobName),
}

/// Oldest first; spans in which nothing happened are left out.
pub type Buckets = Vec<Bucket>;

/// Finished executions of all jobs, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecentQuery {
    /// Ends at this instant or after it.
    pub from: Option<Timestamp>,
    /// Ends before this.
    pub to: Option<Timestamp>,
    /// At most so many, and never more than a thousand.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<u64>,
}

/// A part of the finished executions of all jobs. Outputs are left out.
#[derive(Clone, Debug, Default)]
pub struct RecentPage {
    pub executions: Vec<ExecutionView>,
    /// For the next page; `None` = there is none.
    pub cursor: Option<u64>,
}

/// Jobs whose finished executions go by age, a bounded part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgedPage {
    pub jobs: Vec<(JobNo, Duration)>,
    /// The last job that was looked at; `None` = the walk is over.
    pub last: Option<JobNo>,
}
