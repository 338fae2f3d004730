//! What a reader gets: values, already joined from definition, runtime state and live runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use dkron_core::domain::{
    Cancellation, Cause, ExecutionId, Group, Job, JobName, JobNo, Late, LogIndex, NodeName,
    Nominal, Selector, State, Status, Timestamp, Version,
};

/// A job as it stands at one log index.
#[derive(Clone, Debug)]
pub struct JobView {
    pub job_no: JobNo,
    pub version: Version,
    pub job: Arc<Job>,
    pub success_count: u64,
    pub error_count: u64,
    pub last_success: Option<Timestamp>,
    pub last_error: Option<Timestamp>,
    pub status: Status,
    /// Executions that are not terminal.
    pub running: u32,
    pub next: Option<Nominal>,
    /// Children, in name order.
    pub dependents: Vec<JobName>,
}

/// Which jobs, in which order, which part of them. Everything is ANDed.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Pairs that the metadata must hold.
    pub metadata: Vec<(String, String)>,
    /// What the metadata must be like besides.
    pub selector: Selector,
    /// What the name begins with; empty = any.
    pub prefix: String,
    pub executor: Option<String>,
    /// Whether it is somebody's child.
    pub has_parent: Option<bool>,
    /// Case-sensitive part of name or display name; empty = any.
    pub text: String,
    pub status: Option<StatusFilter>,
    pub disabled: Option<bool>,
    pub sort: JobSort,
    pub descending: bool,
    pub start: usize,
    /// Exclusive; `None` = to the end.
    pub end: Option<usize>,
}

/// `status=` of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    Is(Status),
    /// Has an execution that is not terminal.
    Running,
    /// An unknown word: matches nothing, as in Dkron.
    Nothing,
}

/// Every scalar field of a job sorts; ties go by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobSort {
    #[default]
    Name,
    DisplayName,
    Schedule,
    Timezone,
    Owner,
    OwnerEmail,
    ParentJob,
    Concurrency,
    Executor,
    Status,
    SuccessCount,
    ErrorCount,
    LastSuccess,
    LastError,
    Next,
    Disabled,
    Ephemeral,
    Retries,
    StartsAt,
    ExpiresAt,
}

/// A page of jobs.
#[derive(Clone, Debug, Default)]
pub struct JobPage {
    pub jobs: Vec<JobView>,
    /// Matches before slicing.
    pub total: usize,
    /// What belongs to the page behind `jobs`: an answer shows a thousand.
    pub rest: Vec<JobNo>,
}

/// Counts of the dashboard page.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobCounts {
    pub total: usize,
    pub success: usize,
    pub failed: usize,
    pub partially_failed: usize,
    pub untriggered: usize,
}

/// An execution, live or finished.
#[derive(Clone, Debug)]
pub struct ExecutionView {
    pub id: ExecutionId,
    pub job_name: JobName,
    pub group: Group,
    pub attempt: u32,
    pub cause: Cause,
    pub nominal: Nominal,
    pub fired_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub state: State,
    /// One word, empty where the output says it all.
    pub reason: &'static str,
    pub exit_code: Option<i32>,
    /// What is known of the output by now, at most the kept tail.
    pub output: Vec<u8>,
    /// Bytes that did not fit, already told by a marker in `output`.
    pub dropped: u64,
    /// Who wanted it to end; it may run on for a moment.
    pub cancelled: Option<Arc<Cancellation>>,
    /// Its result, which came after it was given up.
    pub late: Option<Box<Late>>,
}

/// How `_sort` of the executions list orders; ties go by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutionSort {
    #[default]
    Key,
    StartedAt,
    FinishedAt,
    Attempt,
}

/// A member of the cluster.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: NodeName,
    /// IP address without port.
    pub addr: String,
    pub port: u16,
    pub tags: BTreeMap<String, String>,
    /// 1 alive, 2 leaving, 3 left, 4 failed.
    pub status: u8,
}

/// What a run request became.
#[derive(Clone, Debug)]
pub struct RunView {
    pub job: JobView,
    /// Its executions carry this group; `None` = it waits for its turn.
    pub group: Option<Group>,
    /// Ids of the first attempts.
    pub executions: Vec<ExecutionId>,
    /// Set when the caller waited: whether the whole group ended in time.
    pub ended: Option<bool>,
    pub index: LogIndex,
}

/// What a cancellation met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelView {
    /// These end as soon as their nodes obey.
    pub executions: Vec<ExecutionId>,
    /// Attempts that will not follow.
    pub retries: u32,
    /// Occurrences that do not wait any longer.
    pub queued: u32,
}
