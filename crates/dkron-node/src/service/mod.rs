//! The façade: what the front door may ask of a node. A cheap clone; channels stay inside.

mod asked;
mod error;
mod fresh;
pub mod operator;
mod output;
mod past;
mod pauses;
mod recent;
mod request;
mod stats;
mod upcoming;
mod view;
mod why;

use std::sync::Arc;
use std::time::Duration;

pub use dkron_core::domain::ByHand;
use dkron_core::domain::{
    Group, JobName, JobNo, LogIndex, Settings, Skipped, Submission, Timestamp,
};
use tokio::sync::{mpsc, oneshot};

use crate::chronicle::Chronicle;
use crate::reads::Reads;
pub use asked::{Asked, Receipt, request_key};
pub use dkron_core::conductor::{Demand, Versions};
pub use error::Error;
pub use fresh::{Freshness, ReadMode};
pub use output::{Follow, Found, Kept, LiveOutput, Offset, OutputPiece, OutputText};
pub use past::{Activity, ActivityPage, ActivityQuery, JobVersions, VersionView};
pub use pauses::{PauseNo, PauseScheduling, PauseScope, ResumeScheduling, SchedulingPause};
pub use recent::{RecentCursor, RecentItem, RecentPage, RecentQuery};
pub use request::{CancelRequest, Query, Request, StateHash};
pub use stats::{AgedPage, Buckets, Scope, StatsQuery};
pub use upcoming::{Upcoming, UpcomingQuery};
pub use view::{
    CancelView, ExecutionSort, ExecutionView, JobCounts, JobPage, JobSort, JobView, ListQuery,
    Member, RunView, StatusFilter,
};
pub use why::{Verdict, WhyView};

/// Requests in flight to the loop or to the reader before new ones are shed.
pub const REQUESTS: usize = 8192;
/// How long the outcome of a write is waited for; a full disk may keep it open for longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Handle to a running node.
#[derive(Clone)]
pub struct Service {
    requests: mpsc::Sender<Request>,
    queries: mpsc::Sender<Query>,
    /// None: this server knows for itself that nothing is newer.
    reads: Option<Reads>,
    operator: Option<Arc<dyn operator::Operator>>,
    chronicle: Option<Arc<Chronicle>>,
    /// Of the writes that are asked for through this handle.
    asked: Option<Arc<Asked>>,
}

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, Error>>;

impl Service {
    pub fn new(requests: mpsc::Sender<Request>, queries: mpsc::Sender<Query>) -> Self {
        Service { requests, queries, reads: None, operator: None, chronicle: None, asked: None }
    }

    /// The same for a server of a cluster.
    #[must_use]
    pub fn with_reads(self, reads: Reads) -> Self {
        Service { reads: Some(reads), ..self }
    }

    /// The same with what happened.
    #[must_use]
    pub fn with_chronicle(self, chronicle: Arc<Chronicle>) -> Self {
        Service { chronicle: Some(chronicle), ..self }
    }

    /// What happened, for who follows it.
    pub fn chronicle(&self) -> Option<&Arc<Chronicle>> {
        self.chronicle.as_ref()
    }

    /// The same for one client's writes.
    #[must_use]
    pub fn asked(&self, asked: Asked) -> Self {
        Service { asked: Some(Arc::new(asked)), ..self.clone() }
    }

    /// Waits until this server has seen the log up to an entry, at most for so long.
    pub async fn reached(&self, index: LogIndex, patience: Duration) -> Result<(), Error> {
        match &self.reads {
            Some(reads) => reads.reached(index, patience).await,
            None => Ok(()),
        }
    }

    /// Waits until answers of this server are as new as the question, as far as `mode` wants it.
    /// To be called before any of the questions below.
    pub async fn fresh(&self, mode: ReadMode) -> Result<Freshness, Error> {
        match &self.reads {
            Some(reads) => reads.fresh(mode).await,
            None => Ok(Freshness { index: LogIndex(0), stale: false }),
        }
    }

    /// The hash of the ledger as of entry `at`: waits some seconds for it to come, and answers for
    /// a later one if it is over, or for an earlier one if it does not come. Costs O(jobs).
    pub async fn state_hash(&self, at: LogIndex) -> Result<StateHash, Error> {
        self.ask(|reply| Request::StateHash { at, reply }).await
    }

    /// Creates or replaces a job; the view is what is stored.
    pub async fn put_job(&self, submission: Submission) -> Result<JobView, Error> {
        self.or_past(
            self.ask(|reply| Request::Put { submission: Box::new(submission), reply }).await,
        )
        .await
    }

    /// Deletes a job; the view is what it was.
    pub async fn delete_job(&self, name: JobName) -> Result<JobView, Error> {
        self.or_past(self.ask(|reply| Request::Delete { name, reply }).await).await
    }

    /// Flips `disabled`.
    pub async fn toggle_job(&self, name: JobName) -> Result<JobView, Error> {
        self.or_past(self.ask(|reply| Request::Toggle { name, reply }).await).await
    }

    /// Fires now; with `wait` the answer comes when the group ended, at the latest after `wait`.
    pub async fn run_job(&self, name: JobName, wait: Option<Duration>) -> Result<RunView, Error> {
        let patience = PATIENCE + wait.unwrap_or_default();
        self.ask_within(patience, |reply| Request::Run { name, wait, reply }).await
    }

    /// The same in another way than the definition says.
    pub async fn run_job_by_hand(
        &self,
        name: JobName,
        by_hand: ByHand,
        wait: Option<Duration>,
    ) -> Result<RunView, Error> {
        let (patience, by_hand) = (PATIENCE + wait.unwrap_or_default(), Box::new(by_hand));
        self.ask_within(patience, |reply| Request::RunByHand { name, by_hand, wait, reply }).await
    }

    /// Removes the finished executions and resets the four figures.
    pub async fn clear_executions(&self, name: JobName) -> Result<JobView, Error> {
        self.or_past(self.ask(|reply| Request::Clear { name, reply }).await).await
    }

    /// Stores validated jobs, parents first; for each name whether it was stored.
    pub async fn restore(&self, jobs: Vec<Submission>) -> Result<Vec<(JobName, bool)>, Error> {
        // Long for a large file, so it has no patience.
        send(&self.requests, |reply| self.tell(Request::Restore { jobs, reply })).await
    }

    /// Blocks or admits submissions, cluster-wide.
    pub async fn pause(&self, paused: bool) -> Result<bool, Error> {
        self.ask(|reply| Request::Pause { paused, reply }).await
    }

    /// Ends what runs of a job, or one execution: they end as soon as their nodes obey.
    pub async fn cancel(&self, cancel: CancelRequest) -> Result<CancelView, Error> {
        self.ask(|reply| Request::Cancel { cancel: Box::new(cancel), reply }).await
    }

    /// What the cluster agreed on; no leader if that has not happened yet.
    pub async fn settings(&self) -> Result<Settings, Error> {
        self.query(|reply| Query::Settings { reply }).await
    }

    /// Replaces all of them; the answer is what is stored.
    pub async fn put_settings(&self, settings: Settings) -> Result<Settings, Error> {
        self.ask(|reply| Request::PutSettings { settings: Box::new(settings), reply }).await
    }

    /// All executions of a job, newest first.
    pub async fn executions(&self, name: JobName) -> Result<Vec<ExecutionView>, Error> {
        self.query(|reply| Query::Executions { name, reply }).await
    }

    /// At most so many jobs in the order of their names, behind that one. Who asks on from the last
    /// one meets every job that is there all the time, and none twice.
    pub async fn jobs_after(
        &self,
        after: Option<JobName>,
        most: usize,
    ) -> Result<Vec<JobView>, Error> {
        self.query(|reply| Query::JobsAfter { after, most, reply }).await
    }

    /// Whether executions of the group go on or may still come, such as retries.
    pub async fn group_live(&self, group: Group) -> Result<bool, Error> {
        self.query(|reply| Query::GroupLive { group, reply }).await
    }

    /// One execution with its output.
    pub async fn execution(&self, name: JobName, id: String) -> Result<ExecutionView, Error> {
        self.query(|reply| Query::Execution { name, id, reply }).await
    }

    /// Slots that did not run, newest first.
    pub async fn skipped(&self, name: JobName) -> Result<Vec<Skipped>, Error> {
        self.query(|reply| Query::Skipped { name, reply }).await
    }

    /// What will be due soon, over all jobs.
    pub async fn upcoming(&self, upcoming: UpcomingQuery) -> Result<Upcoming, Error> {
        self.query(|reply| Query::Upcoming { upcoming, reply }).await
    }

    /// Why a job did or did not run at an instant.
    pub async fn why(&self, name: JobName, at: Timestamp) -> Result<WhyView, Error> {
        self.query(|reply| Query::Why { name, at, reply }).await
    }

    /// Figures over time of the cluster, a node or a job.
    pub async fn stats(&self, stats: StatsQuery) -> Result<Buckets, Error> {
        self.query(|reply| Query::Stats { stats: Box::new(stats), reply }).await
    }

    /// Executions of all jobs, newest first; first what goes on.
    pub async fn recent(&self, recent: RecentQuery) -> Result<RecentPage, Error> {
        self.query(|reply| Query::Recent { recent: Box::new(recent), reply }).await
    }

    /// Everything that runs now, by start.
    pub async fn busy(&self) -> Result<Vec<ExecutionView>, Error> {
        self.query(|reply| Query::Busy { reply }).await
    }

    pub async fn list_jobs(&self, list: ListQuery) -> Result<JobPage, Error> {
        self.query(|reply| Query::List { list: Box::new(list), reply }).await
    }

    /// Jobs by their numbers; what is gone is left out.
    pub async fn jobs(&self, numbers: Vec<JobNo>) -> Result<Vec<JobView>, Error> {
        self.query(|reply| Query::Jobs { numbers, reply }).await
    }

    pub async fn job(&self, name: JobName) -> Result<JobView, Error> {
        self.query(|reply| Query::Job { name, reply }).await
    }

    pub async fn counts(&self) -> Result<JobCounts, Error> {
        self.query(|reply| Query::Counts { reply }).await
    }

    pub async fn paused(&self) -> Result<bool, Error> {
        self.query(|reply| Query::Paused { reply }).await
    }

    /// The zone of jobs without one.
    pub async fn zone(&self) -> Result<String, Error> {
        self.query(|reply| Query::Zone { reply }).await
    }

    /// All known members; the first answer of a single node is itself.
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        self.query(|reply| Query::Members { reply }).await
    }

    /// The leader, if one holds office and its lease.
    pub async fn leader(&self) -> Result<Option<Member>, Error> {
        self.query(|reply| Query::Leader { reply }).await
    }

    /// This node.
    pub async fn own(&self) -> Result<Member, Error> {
        self.query(|reply| Query::Own { reply }).await
    }

    /// Answers with the members, then the node leaves and its process ends.
    pub async fn leave(&self) -> Result<Vec<Member>, Error> {
        self.ask(|reply| Request::Leave { reply }).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Error> {
        self.ask_within(PATIENCE, request).await
    }

    async fn ask_within<T>(
        &self,
        patience: Duration,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, Error> {
        // Nobody takes the write back: it may be carried out later.
        let answer =
            tokio::time::timeout(patience, send(&self.requests, |reply| self.tell(request(reply))))
                .await;
        answer.unwrap_or(Err(Error::Unknown))
    }

    /// The request with what belongs to it.
    fn tell(&self, request: Request) -> Request {
        match &self.asked {
            Some(asked) => Request::Asked { asked: Arc::clone(asked), request: Box::new(request) },
            None => request,
        }
    }

    async fn query<T>(&self, query: impl FnOnce(Reply<T>) -> Query) -> Result<T, Error> {
        send(&self.queries, query).await
    }
}

/// A full queue sheds the request: nobody waits in front of a queue that is behind.
async fn send<M, T>(to: &mpsc::Sender<M>, message: impl FnOnce(Reply<T>) -> M) -> Result<T, Error> {
    let (reply, answer) = oneshot::channel();
    to.try_send(message(reply)).map_err(|err| match err {
        mpsc::error::TrySendError::Full(_) => Error::Busy,
        mpsc::error::TrySendError::Closed(_) => Error::Stopping,
    })?;
    answer.await.unwrap_or(Err(Error::Stopping))
}
