//! Why a request was not carried out. `dkron/rest/respond.rs` maps it to a status, nobody else.

use dkron_core::domain::{ExecutionId, JobName, JobNo, LogIndex, PauseNo, Version};

/// Refusals and failures of requests, by precedence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Submissions are paused.
    #[error("New job submissions are currently paused")]
    Paused,
    /// The job has this version, or is not there, and the client demands something else.
    #[error(
        "the job {}, which is not what the request demands with If-Match or If-None-Match: read \
         it again and repeat with its ETag",
        .0.map_or("does not exist".to_owned(), |version| format!("is at version \"v{version}\""))
    )]
    Unmet(Option<Version>),
    /// Something else was asked for under the same key.
    #[error(
        "Idempotency-Key: another request was made under this key within the last 24 hours, take \
         a new key for each request"
    )]
    KeyReused,
    /// The request was carried out before, and what it was answered is not kept any more.
    #[error("the request was carried out before, the job that it was answered is gone since")]
    Past(JobNo, Version),
    /// The cluster does not know it yet; the text says what to do.
    #[error("{0}")]
    Unready(String),
    /// The definition is wrong; the text names the field and is Dkron's where Dkron has one.
    #[error("{0}")]
    Invalid(String),
    #[error("specified parent job not found")]
    ParentNotFound,
    /// The parent chain would lead back to the job.
    #[error("parent_job `{0}` would make a cycle: a job can not be its own ancestor")]
    Cycle(JobName),
    #[error("job not found")]
    JobNotFound,
    #[error("execution not found")]
    ExecutionNotFound,
    #[error("node not found: no member has that name, and none ran anything under it")]
    NodeNotFound,
    #[error(
        "could not delete job with dependent jobs, delete children first: {}",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    HasDependents(Vec<JobName>),
    /// A `forbid` job runs already.
    #[error("job forbids concurrent executions and execution {0} is running")]
    Overlap(ExecutionId),
    /// As many occurrences of a `queue` job as may wait do so.
    #[error("{0} occurrences of the job are waiting already, no more may (queue_depth)")]
    QueueFull(u32),
    #[error("no target nodes found to run job {0}: no member matches its tags")]
    NoEligibleNode(JobName),
    #[error("no node has room for another run of job {0}, try again later")]
    NoCapacity(JobName),
    /// No server of the consensus group has that name or id; the text is Dkron's.
    #[error("id \"{0}\" was not found in the Raft configuration")]
    PeerNotFound(String),
    #[error("no pause of scheduling has the id {0}: GET /v1/scheduling shows those there are")]
    PauseNotFound(PauseNo),
    /// An operator's wish that would do harm or makes no sense; the text says why.
    #[error("{0}")]
    Refused(String),
    /// A queue is full; nothing was done.
    #[error("the server is overloaded, try again later")]
    Busy,
    /// Nothing was done.
    #[error(
        "the disk of the server is full, it is read-only until there is space: free some on the \
         disk of the data directory; jobs can be deleted and their executions cleared meanwhile"
    )]
    DiskFull,
    /// Nothing was done.
    #[error("no leader, try again later")]
    NoLeader,
    /// Only for a reader who wants nothing older.
    #[error("no leader confirmed in time that the data of this server is the newest")]
    Stale,
    /// A reader waits for an entry that did not come here in time.
    #[error(
        "this server has seen the log up to entry {seen}, not yet up to {index}: ask again, or \
         wait for longer with ?wait=30s"
    )]
    Behind { index: LogIndex, seen: LogIndex },
    /// The write may or may not have been carried out.
    #[error("outcome unknown, repeat the request")]
    Unknown,
    /// The node is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// Stored data could not be read.
    #[error("storage failed: {0}")]
    Storage(String),
}
