//! A node in memory behind the real façade: enough to answer, nothing runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use dkron_core::domain::stats::{Bucket, Ended};
use dkron_core::domain::{
    Cancellation, Cause, Concurrency, Drain, ExecutionId, Group, JobName, JobNo, LogIndex, Nominal,
    Seq, Settings, SkipReason, Skipped, State, Submission, Timestamp, Version,
};
use dkron_node::service::operator::SetEligibility;
use dkron_node::service::{
    ActivityPage, AgedPage, CancelRequest, CancelView, Error, ExecutionView, Found, JobCounts,
    JobPage, JobSort, JobView, Kept, ListQuery, Member, PauseNo, PauseScheduling, Query,
    RecentPage, Request, RunView, SchedulingPause, Scope, Service, StateHash, StatusFilter,
    Upcoming, Verdict, WhyView,
};
use tokio::sync::{mpsc, oneshot};

const NODE: &str = "n1";
pub const GROUP: u64 = 1_773_144_000_000_000_001;

#[derive(Default)]
struct Fake {
    jobs: BTreeMap<JobName, JobView>,
    executions: Vec<ExecutionView>,
    paused: bool,
    settings: Settings,
    drains: Vec<Drain>,
    pauses: Vec<SchedulingPause>,
    last: u64,
}

/// Nothing is kept of what was.
fn past(query: Query) {
    match query {
        Query::Versions { reply, .. } => send(reply, Err(Error::JobNotFound)),
        Query::Past { job_no, version, reply } => send(reply, Err(Error::Past(job_no, version))),
        Query::Activity { reply, .. } => send(reply, Ok(ActivityPage::default())),
        _ => {}
    }
}

/// Names with a meaning of their own: what the fake says to a run of them.
fn refusal(name: &str) -> Option<Error> {
    Some(match name {
        "busy" => Error::Overlap(ExecutionId { seq: Seq(1), node: NODE.into() }),
        "nowhere" => Error::NoEligibleNode(name.into()),
        "full" => Error::NoCapacity(name.into()),
        "headless" => Error::NoLeader,
        "unsure" => Error::Unknown,
        "broken" => Error::Storage("disk".into()),
        _ => return None,
    })
}

pub fn start() -> Service {
    let (requests, mut wanted) = mpsc::channel(64);
    let (queries, mut asked) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut fake = Fake::default();
        loop {
            tokio::select! {
                Some(request) = wanted.recv() => fake.request(request),
                Some(query) = asked.recv() => fake.query(query),
                else => return,
            }
        }
    });
    Service::new(requests, queries).with_operator(Arc::new(super::operator::Three))
}

fn send<T>(reply: oneshot::Sender<Result<T, Error>>, result: Result<T, Error>) {
    // Whoever asked may be gone.
    let _ = reply.send(result);
}

impl Fake {
    fn request(&mut self, request: Request) {
        match request {
            Request::Asked { asked, request } => {
                asked.receipt.note(LogIndex(1));
                self.request(*request);
            }
            Request::Put { submission, reply } => send(reply, self.put(*submission)),
            Request::Delete { name, reply } => send(reply, self.delete(&name)),
            Request::Toggle { name, reply } => send(reply, self.toggle(&name)),
            Request::Run { name, wait, reply } => {
                let result = self
                    .run(&name)
                    .map(|run| RunView { ended: wait.map(|_| run.group.is_some()), ..run });
                send(reply, result);
            }
            other @ (Request::PauseScheduling { .. }
            | Request::ResumeScheduling { .. }
            | Request::RunByHand { .. }) => self.more(other),
            Request::Clear { name, reply } => send(reply, self.found(&name)),
            Request::Restore { jobs, reply } => {
                let names = jobs.iter().map(|job| job.job.name.clone()).collect::<Vec<_>>();
                let checked: Result<Vec<()>, Error> = jobs.iter().map(validate).collect();
                let stored = checked.map(|_| {
                    for job in jobs {
                        let _ = self.put(job);
                    }
                    names.into_iter().map(|name| (name, true)).collect()
                });
                send(reply, stored);
            }
            Request::Pause { paused, reply } => {
                self.paused = paused;
                send(reply, Ok(paused));
            }
            Request::SetEligibility { wanted, reply } => {
                self.drains.retain(|drain| drain.node != wanted.node);
                if !wanted.eligible {
                    let SetEligibility { node, deadline, by, reason, .. } = *wanted;
                    let since = Timestamp::from_secs(1_773_144_000);
                    self.drains.push(Drain { node, since, deadline, by, reason });
                }
                send(reply, Ok(()));
            }
            Request::Leave { reply } => send(reply, Ok(vec![own()])),
            Request::Cancel { cancel, reply } => send(reply, self.cancel(*cancel)),
            Request::PutSettings { settings, reply } => {
                let stored = match settings.keep_executions {
                    0 => Err(Error::Invalid("keep_executions: 0 is too few".into())),
                    _ => Ok(*settings),
                };
                if let Ok(settings) = &stored {
                    self.settings = settings.clone();
                }
                send(reply, stored);
            }
            Request::StateHash { at, reply } => {
                send(reply, Ok(StateHash { index: at, hash: self.last }));
            }
        }
    }

    fn more(&mut self, request: Request) {
        match request {
            Request::PauseScheduling { wanted, reply } => {
                self.last += 1;
                let PauseScheduling { scope, until, by, reason } = *wanted;
                let (id, since) = (PauseNo(self.last), Timestamp::from_secs(1_773_144_000));
                let resumed = false;
                self.pauses.push(SchedulingPause { id, since, until, resumed, scope, by, reason });
                send(reply, Ok(id));
            }
            Request::ResumeScheduling { wanted, reply } => {
                let before = self.pauses.len();
                self.pauses.retain(|pause| wanted.id.is_some_and(|id| id != pause.id));
                let resumed = (before - self.pauses.len()) as u32;
                let unknown = wanted.id.filter(|_| resumed == 0);
                send(reply, unknown.map_or(Ok(resumed), |id| Err(Error::PauseNotFound(id))));
            }
            Request::RunByHand { name, by_hand, reply, .. } => {
                let run = self.run(&name);
                if let Some(view) = self.executions.last_mut().filter(|_| run.is_ok()) {
                    view.cause = Cause::ByHand(Arc::from(by_hand));
                }
                send(reply, run);
            }
            _ => {}
        }
    }

    fn query(&mut self, query: Query) {
        match query {
            Query::List { list, reply } => send(reply, Ok(self.list(&list))),
            Query::Jobs { reply, .. } => send(reply, Ok(Vec::new())),
            Query::Job { name, reply } => send(reply, self.found(&name)),
            Query::Counts { reply } => {
                send(reply, Ok(JobCounts { total: self.jobs.len(), ..JobCounts::default() }));
            }
            Query::Executions { name, reply } => {
                let mut found = self.executions.clone();
                found.retain(|view| view.job_name == name);
                found.reverse();
                send(reply, self.found(&name).map(|_| found));
            }
            Query::Execution { name, id, reply } => {
                let hit =
                    |view: &&ExecutionView| view.job_name == name && view.id.to_string() == id;
                let found = self.executions.iter().find(hit).cloned();
                send(reply, found.ok_or(Error::ExecutionNotFound));
            }
            Query::Output { name, id, reply } => send(reply, self.output(&name, &id)),
            Query::Skipped { name, reply } => {
                let at = Nominal(Timestamp::from_secs(0));
                let one = Skipped {
                    first: at,
                    last: at,
                    count: 1,
                    reason: SkipReason::Missed,
                    detail: String::new(),
                };
                send(reply, self.found(&name).map(|_| vec![one]));
            }
            Query::Upcoming { reply, .. } => send(reply, Ok(Upcoming::default())),
            Query::Why { name, at, reply } => send(reply, self.found(&name).map(|_| no_slot(at))),
            Query::Stats { stats, reply } => {
                let known = match &stats.scope {
                    Scope::Cluster => Ok(()),
                    Scope::Node(name) if name.as_str() == NODE => Ok(()),
                    Scope::Node(_) => Err(Error::NodeNotFound),
                    Scope::Job(name) => self.found(name).map(drop),
                };
                let mut bucket = Bucket::new(stats.span.of(Timestamp::from_secs(1_773_144_000)));
                bucket.ended(Ended { state: State::Success, lag_ms: Some(3), ran_ms: Some(40) });
                bucket.skipped(2);
                send(reply, known.map(|()| vec![bucket]));
            }
            Query::Versions { .. } | Query::Past { .. } | Query::Activity { .. } => past(query),
            Query::Recent { reply, .. } => send(reply, Ok(RecentPage::default())),
            Query::Aged { reply, .. } => send(reply, Ok(AgedPage::default())),
            Query::Busy { reply } => send(reply, Ok(self.executions.clone())),
            Query::Paused { reply } => send(reply, Ok(self.paused)),
            Query::Zone { reply } => send(reply, Ok("UTC".into())),
            Query::Settings { reply } => send(reply, Ok(self.settings.clone())),
            Query::Members { reply } => send(reply, Ok(vec![own()])),
            Query::Leader { reply } => send(reply, Ok(Some(own()))),
            Query::Own { reply } => send(reply, Ok(own())),
            Query::SchedulingPauses { reply } => send(reply, Ok(self.pauses.clone())),
            Query::Drains { reply } => send(reply, Ok(self.drains.clone())),
            Query::JobsAfter { after, most, reply } => {
                let behind =
                    |view: &&JobView| after.as_ref().is_none_or(|name| view.job.name > *name);
                let found = self.jobs.values().filter(behind).take(most).cloned();
                send(reply, Ok(found.collect()));
            }
            Query::GroupLive { group, reply } => {
                let of_it = |view: &&ExecutionView| view.group == group;
                let live = |view: &ExecutionView| !view.state.is_terminal();
                send(reply, Ok(self.executions.iter().filter(of_it).any(live)));
            }
        }
    }

    /// What goes on has written nothing yet, and is over when it is asked for once more.
    fn output(&mut self, name: &JobName, id: &str) -> Result<Found, Error> {
        self.found(name)?;
        let is_it = |view: &&mut ExecutionView| view.id.to_string() == id;
        let view = self.executions.iter_mut().find(is_it).ok_or(Error::ExecutionNotFound)?;
        if !view.state.is_terminal() {
            let state = std::mem::replace(&mut view.state, State::Failed);
            return Ok(Found::Live { output: None, state });
        }
        let bytes = view.output.clone().into();
        Ok(Found::Ended(Kept { bytes, head: 0, dropped: 0, state: view.state, room: None }))
    }

    fn found(&self, name: &JobName) -> Result<JobView, Error> {
        let mut view = self.jobs.get(name).cloned().ok_or(Error::JobNotFound)?;
        let children = self.jobs.values().filter(|each| each.job.parent_job.as_ref() == Some(name));
        view.dependents = children.map(|each| each.job.name.clone()).collect();
        Ok(view)
    }

    fn put(&mut self, posted: Submission) -> Result<JobView, Error> {
        if self.paused {
            return Err(Error::Paused);
        }
        validate(&posted)?;
        if posted.job.parent_job.as_ref().is_some_and(|parent| !self.jobs.contains_key(parent)) {
            return Err(Error::ParentNotFound);
        }
        let name = posted.job.name.clone();
        let old = self.jobs.get(&name);
        let view = JobView {
            job_no: JobNo(1),
            version: Version(old.map_or(1, |old| old.version.0 + 1)),
            success_count: posted.success_count.max(old.map_or(0, |old| old.success_count)),
            error_count: posted.error_count.max(old.map_or(0, |old| old.error_count)),
            last_success: posted.last_success.max(old.and_then(|old| old.last_success)),
            last_error: posted.last_error.max(old.and_then(|old| old.last_error)),
            status: old.map_or(posted.status, |old| old.status),
            running: 0,
            next: posted
                .job
                .schedule
                .starts_with("@every")
                .then(|| Nominal(Timestamp::from_secs(1_773_144_000))),
            dependents: Vec::new(),
            job: Arc::new(posted.job),
        };
        self.jobs.insert(name.clone(), view);
        self.found(&name)
    }

    fn delete(&mut self, name: &JobName) -> Result<JobView, Error> {
        let view = self.found(name)?;
        if !view.dependents.is_empty() {
            return Err(Error::HasDependents(view.dependents));
        }
        self.jobs.remove(name);
        Ok(view)
    }

    fn toggle(&mut self, name: &JobName) -> Result<JobView, Error> {
        let view = self.jobs.get_mut(name).ok_or(Error::JobNotFound)?;
        let job = Arc::make_mut(&mut view.job);
        job.disabled = !job.disabled;
        self.found(name)
    }

    fn runs(&self, name: &JobName) -> bool {
        self.executions.iter().any(|view| view.job_name == *name && !view.state.is_terminal())
    }

    /// Marks what has not ended; nothing here ends by itself.
    fn cancel(&mut self, wanted: CancelRequest) -> Result<CancelView, Error> {
        self.found(&wanted.name)?;
        let mut met = CancelView::default();
        for view in &mut self.executions {
            let meant = wanted.execution.as_ref().is_none_or(|id| *id == view.id);
            if meant && view.job_name == wanted.name && !view.state.is_terminal() {
                let (by, reason) = (wanted.by.clone(), wanted.reason.clone());
                let at = Timestamp::from_secs(1_773_144_002);
                view.cancelled = Some(Arc::new(Cancellation { at, by, reason }));
                met.executions.push(view.id.clone());
            }
        }
        match wanted.execution {
            Some(_) if met.executions.is_empty() => Err(Error::ExecutionNotFound),
            _ => Ok(met),
        }
    }

    fn run(&mut self, name: &JobName) -> Result<RunView, Error> {
        if let Some(err) = refusal(name.as_str()) {
            return Err(err);
        }
        let job = self.found(name)?;
        if job.job.concurrency == Concurrency::Queue && self.runs(name) {
            let (executions, index) = (Vec::new(), LogIndex(1));
            return Ok(RunView { job, group: None, executions, ended: None, index });
        }
        let group = Group(GROUP + self.last);
        self.last += 1;
        let endless = job.job.executor_config.get("command").is_some_and(|it| it == "endless");
        let at = Timestamp::from_unix_nanos(i128::from(group.0));
        let id = ExecutionId { seq: Seq(group.0), node: NODE.into() };
        self.executions.push(ExecutionView {
            id: id.clone(),
            job_name: name.clone(),
            group,
            attempt: 1,
            cause: Cause::Schedule,
            nominal: Nominal(at),
            fired_at: at,
            started_at: Some(at),
            finished_at: Some(at).filter(|_| !endless),
            state: if endless { State::Running } else { State::Success },
            reason: "",
            exit_code: Some(0),
            output: b"abcdef\n".to_vec(),
            dropped: 0,
            cancelled: None,
            late: None,
        });
        Ok(RunView {
            job,
            group: Some(group),
            executions: vec![id],
            ended: None,
            index: LogIndex(1),
        })
    }

    /// By name alone, which is what the door's tests look at.
    fn list(&self, list: &ListQuery) -> JobPage {
        let fits = |view: &&JobView| {
            let text = view.job.name.as_str().contains(&list.text)
                || view.job.displayname.contains(&list.text);
            let pair = |(key, value): &(String, String)| view.job.metadata.get(key) == Some(value);
            let status = match list.status {
                None => true,
                Some(StatusFilter::Is(status)) => view.status == status,
                Some(StatusFilter::Running) => view.running > 0,
                Some(StatusFilter::Nothing) => false,
            };
            let disabled = list.disabled.is_none_or(|wanted| view.job.disabled == wanted);
            text && list.metadata.iter().all(pair) && status && disabled
        };
        let mut found: Vec<JobView> = self.jobs.values().filter(fits).cloned().collect();
        match list.sort {
            JobSort::DisplayName => found.sort_by_key(|view| view.job.displayname.clone()),
            JobSort::Schedule => found.sort_by_key(|view| view.job.schedule.clone()),
            JobSort::SuccessCount => found.sort_by_key(|view| view.success_count),
            JobSort::ErrorCount => found.sort_by_key(|view| view.error_count),
            JobSort::LastSuccess => found.sort_by_key(|view| view.last_success),
            _ => {}
        }
        if list.descending {
            found.reverse();
        }
        let total = found.len();
        let page = crate::rest::query::slice(&found, (list.start, list.end));
        let jobs = page.iter().filter_map(|view| self.found(&view.job.name).ok()).collect();
        JobPage { jobs, total, rest: Vec::new() }
    }
}

fn validate(posted: &Submission) -> Result<(), Error> {
    let local = dkron_core::schedule::Zone::utc();
    dkron_core::conductor::admission::check(&posted.job, &local).map_err(Error::Invalid)?;
    Ok(())
}

fn no_slot(at: Timestamp) -> WhyView {
    WhyView {
        verdict: Verdict::NotASlot,
        text: "It is only due by hand.".into(),
        slot: None,
        before: None,
        after: Some(at),
        executions: Vec::new(),
        skipped: None,
        cut: false,
    }
}

fn own() -> Member {
    Member {
        name: NODE.into(),
        addr: "127.0.0.1".into(),
        port: 8946,
        tags: [("dc".to_owned(), "dc1".to_owned())].into(),
        status: 1,
    }
}
