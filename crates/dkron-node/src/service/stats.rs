//! Questions beyond single executions of a job: figures over time.

use std::time::Duration;

use dkron_core::domain::stats::{Bucket, Span};
use dkron_core::domain::{JobName, JobNo, NodeName, Timestamp};

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

/// Jobs whose finished executions go by age, a bounded part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgedPage {
    pub jobs: Vec<(JobNo, Duration)>,
    /// The last job that was looked at; `None` = the walk is over.
    pub last: Option<JobNo>,
}
