//! What travels behind the façade: requests go to the loop, queries to the reader.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{
    ByHand, Drain, ExecutionId, Group, JobName, JobNo, LogIndex, PauseNo, SchedulingPause,
    Settings, Skipped, Submission, Timestamp, Version,
};
use dkron_core::ledger::{PauseScheduling, ResumeScheduling, SetEligibility};

use super::{
    ActivityPage, ActivityQuery, AgedPage, Asked, Buckets, CancelView, ExecutionView, Found,
    JobCounts, JobPage, JobVersions, JobView, ListQuery, Member, RecentPage, RecentQuery, Reply,
    RunView, StatsQuery, Upcoming, UpcomingQuery, WhyView,
};

/// Asks the loop for something that changes the ledger or ends the node.
pub enum Request {
    Put {
        submission: Box<Submission>,
        reply: Reply<JobView>,
    },
    Delete {
        name: JobName,
        reply: Reply<JobView>,
    },
    Toggle {
        name: JobName,
        reply: Reply<JobView>,
    },
    Run {
        name: JobName,
        wait: Option<Duration>,
        reply: Reply<RunView>,
    },
    /// As `Run`, in another way than the definition says; its id is made on the way.
    RunByHand {
        name: JobName,
        by_hand: Box<ByHand>,
        wait: Option<Duration>,
        reply: Reply<RunView>,
    },
    Clear {
        name: JobName,
        reply: Reply<JobView>,
    },
    Restore {
        jobs: Vec<Submission>,
        reply: Reply<Vec<(JobName, bool)>>,
    },
    Pause {
        paused: bool,
        reply: Reply<bool>,
    },
    Leave {
        reply: Reply<Vec<Member>>,
    },
    Cancel {
        cancel: Box<CancelRequest>,
        reply: Reply<CancelView>,
    },
    SetEligibility {
        wanted: Box<SetEligibility>,
        reply: Reply<()>,
    },
    PauseScheduling {
        wanted: Box<PauseScheduling>,
        reply: Reply<PauseNo>,
    },
    ResumeScheduling {
        wanted: ResumeScheduling,
        reply: Reply<u32>,
    },
    PutSettings {
        settings: Box<Settings>,
        reply: Reply<Settings>,
    },
    /// One of the others, and what its client says beside it.
    Asked {
        asked: Arc<Asked>,
        request: Box<Request>,
    },
    /// Changes nothing, but only the loop has the ledger.
    StateHash {
        at: LogIndex,
        reply: Reply<StateHash>,
    },
}

/// One number for all that is replicated but the history, as of an entry: equal on all servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHash {
    pub index: LogIndex,
    pub hash: u64,
}

/// Whose executions are to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    pub name: JobName,
    /// `None` = all of the job, what waits included.
    pub execution: Option<ExecutionId>,
    /// Who wants it.
    pub by: String,
    pub reason: String,
}

/// Asks the reader beside the loop; answers hold everything acknowledged before the question.
/// `Aged` asks for jobs behind that one whose finished executions go by age,
/// `JobsAfter` for jobs whose names come behind that one, `GroupLive` whether executions of a
/// group go on or may still come.
pub enum Query {
    List {
        list: Box<ListQuery>,
        reply: Reply<JobPage>,
    },
    /// Those of a page that it did not show.
    Jobs {
        numbers: Vec<JobNo>,
        reply: Reply<Vec<JobView>>,
    },
    Job {
        name: JobName,
        reply: Reply<JobView>,
    },
    Counts {
        reply: Reply<JobCounts>,
    },
    Executions {
        name: JobName,
        reply: Reply<Vec<ExecutionView>>,
    },
    Execution {
        name: JobName,
        id: String,
        reply: Reply<ExecutionView>,
    },
    Output {
        name: JobName,
        id: String,
        reply: Reply<Found>,
    },
    Skipped {
        name: JobName,
        reply: Reply<Vec<Skipped>>,
    },
    Upcoming {
        upcoming: UpcomingQuery,
        reply: Reply<Upcoming>,
    },
    Why {
        name: JobName,
        at: Timestamp,
        reply: Reply<WhyView>,
    },
    Stats {
        stats: Box<StatsQuery>,
        reply: Reply<Buckets>,
    },
    Recent {
        recent: Box<RecentQuery>,
        reply: Reply<RecentPage>,
    },
    Aged {
        after: Option<JobNo>,
        reply: Reply<AgedPage>,
    },
    Busy {
        reply: Reply<Vec<ExecutionView>>,
    },
    Paused {
        reply: Reply<bool>,
    },
    Zone {
        reply: Reply<String>,
    },
    Members {
        reply: Reply<Vec<Member>>,
    },
    Leader {
        reply: Reply<Option<Member>>,
    },
    Own {
        reply: Reply<Member>,
    },
    Settings {
        reply: Reply<Settings>,
    },
    Drains {
        reply: Reply<Vec<Drain>>,
    },
    GroupLive {
        group: Group,
        reply: Reply<bool>,
    },
    SchedulingPauses {
        reply: Reply<Vec<SchedulingPause>>,
    },
    JobsAfter {
        after: Option<JobName>,
        most: usize,
        reply: Reply<Vec<JobView>>,
    },
    Versions {
        name: JobName,
        reply: Reply<JobVersions>,
    },
    Past {
        job_no: JobNo,
        version: Version,
        reply: Reply<JobView>,
    },
    Activity {
        activity: Box<ActivityQuery>,
        reply: Reply<ActivityPage>,
    },
}
