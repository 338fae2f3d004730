//! The reader: a thread beside the scheduling thread that holds the job index, fed by what was
//! applied, and answers every question. The scheduling thread never scans anything.

mod around;
mod executions;
mod forecast;
mod index;
mod list;
#[cfg(test)]
mod list_tests;
mod live;
mod past;
mod recent;
mod retention;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod upcoming;
mod verdict;
mod why;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dkron_core::domain::{JobName, LogIndex, Seq, Timestamp};
use dkron_core::ledger::RowOp;
use dkron_store::state::State;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::MissedTickBehavior;

use crate::chronicle::{Chronicle, Mark};
use crate::clocks;
use crate::outputs::{Afar, Shown, Store};
use crate::reads::{Office, Telling};
use crate::service::{
    Buckets, Error, ExecutionView, Found, Query, RecentPage, RecentQuery, Reply, Scope, StatsQuery,
    WhyView,
};
pub use around::Around;
pub use executions::History;
pub use index::Index;
pub use live::Ran;
use stats::Asked;
use upcoming::{Walk, Walks};

/// Histories read at a time: each holds up to a job's outputs in memory.
const HISTORIES: usize = 8;
/// Readers of histories that wait for their turn; more are shed.
const HISTORY_QUEUE: usize = 512;
/// No live executions.
const NOTHING: (Vec<ExecutionView>, Shown) = (Vec::new(), Shown::Listed);
/// How often waiting callers are looked at.
const TICK: Duration = Duration::from_millis(100);

/// Answers somebody once everything before it is seen.
pub type Release = Box<dyn FnOnce(&mut Index) + Send>;

/// What one round of the scheduling thread changed.
#[derive(Default)]
pub struct Update {
    /// Up to which entry it goes.
    pub index: LogIndex,
    pub rows: Vec<RowOp>,
    /// Which of them belong to which entry.
    pub marks: Vec<Mark>,
    pub started: Vec<(Seq, Timestamp)>,
    /// Set when the leadership changed.
    pub office: Option<Option<Office>>,
    /// Takes the place of the index, before all of the above; and the entry it is of.
    pub installed: Option<(Box<Index>, LogIndex)>,
    pub releases: Vec<Release>,
}

impl Update {
    pub fn is_empty(&self) -> bool {
        let quiet = self.rows.is_empty() && self.started.is_empty() && self.releases.is_empty();
        quiet && self.office.is_none() && self.installed.is_none()
    }
}

/// What the thread is started with.
pub struct Parts {
    pub index: Index,
    pub chronicle: Arc<Chronicle>,
    pub telling: Telling,
    pub updates: mpsc::UnboundedReceiver<Update>,
    pub behind: Arc<AtomicUsize>,
    pub queries: mpsc::Receiver<Query>,
    pub state: Arc<State>,
    pub store: Store,
    pub outputs: Afar,
    pub pool: tokio::runtime::Handle,
}

/// The thread's state.
pub struct Reader {
    index: Index,
    chronicle: Arc<Chronicle>,
    telling: Telling,
    behind: Arc<AtomicUsize>,
    history: Arc<History>,
    room: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    outputs: Afar,
    walks: Walks,
    pool: tokio::runtime::Handle,
}

impl Reader {
    pub async fn run(parts: Parts) {
        let Parts { mut updates, mut queries, .. } = parts;
        let mut own = Reader {
            index: parts.index,
            chronicle: parts.chronicle,
            telling: parts.telling,
            behind: parts.behind,
            history: Arc::new(History::new(parts.state, parts.store)),
            room: Arc::new(Semaphore::new(HISTORIES)),
            queue: Arc::new(Semaphore::new(HISTORY_QUEUE)),
            outputs: parts.outputs,
            walks: Walks::default(),
            pool: parts.pool,
        };
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                update = updates.recv() => match update {
                    Some(update) => own.update(update),
                    None => return,
                },
                query = queries.recv() => match query {
                    Some(query) => own.query(query),
                    None => return,
                },
                _ = tick.tick(), if own.index.has_waiters() => own.index.expire_waiters(),
                () = std::future::ready(()), if !own.walks.is_empty() => {}
            }
            own.walk();
        }
    }

    fn update(&mut self, update: Update) {
        self.behind.fetch_sub(1, Ordering::Relaxed);
        if let Some((installed, at)) = update.installed {
            self.index.replace(*installed);
            self.chronicle.jump(at);
        }
        self.chronicle.entries(update.rows, &update.marks, &mut self.index);
        for (seq, at) in update.started {
            self.index.started(seq, at);
        }
        // Before any release: whoever has an answer has it from an index that was told.
        self.telling.index(update.index);
        if let Some(office) = update.office {
            self.index.office = office.map(|office| office.tenure);
            self.telling.office(office);
        }
        for release in update.releases {
            release(&mut self.index);
        }
    }

    fn query(&mut self, query: Query) {
        let index = &self.index;
        match query {
            Query::List { list, reply } => send(reply, Ok(list::page(&mut self.index, &list))),
            Query::Jobs { numbers, reply } => send(reply, Ok(list::views(index, &numbers))),
            Query::Job { name, reply } => {
                send(reply, index.job(&name).ok_or(Error::JobNotFound));
            }
            Query::Counts { reply } => send(reply, Ok(list::counts(index))),
            Query::Paused { reply } => send(reply, Ok(index.paused)),
            Query::Zone { reply } => send(reply, Ok(index.zone.clone())),
            Query::Settings { reply } => {
                send(reply, index.settings.clone().ok_or(Error::NoLeader));
            }
            Query::Members { reply } => send(reply, Ok(index.members())),
            Query::Leader { reply } => send(reply, Ok(index.leader())),
            Query::Own { reply } => send(reply, Ok(index.around.own())),
            Query::Drains { reply } => send(reply, Ok(index.drains.clone())),
            Query::JobsAfter { after, most, reply } => send(reply, Ok(index.after(after, most))),
            Query::GroupLive { group, reply } => send(reply, Ok(index.has_group(group))),
            Query::SchedulingPauses { reply } => send(reply, Ok(index.scheduling_pauses())),
            Query::Busy { reply } => {
                let live = (index.live_all(), Shown::Listed);
                self.read(reply, live, move |_, live| Ok(live));
            }
            Query::Executions { name, reply } => {
                let Some(job_no) = index.job_no(&name) else {
                    return send(reply, Err(Error::JobNotFound));
                };
                let live = (index.live_of(job_no), Shown::Listed);
                self.read(reply, live, move |history, live| history.executions(job_no, live));
            }
            Query::Execution { name, id, reply } => {
                let Some(job_no) = index.job_no(&name) else {
                    return send(reply, Err(Error::JobNotFound));
                };
                let mut live = index.live_of(job_no);
                live.retain(|view| view.id.to_string() == id);
                let live = (live, Shown::Whole);
                self.read(reply, live, move |history, live| history.execution(job_no, live, &id));
            }
            Query::Output { name, id, reply } => {
                let Some(job_no) = index.job_no(&name) else {
                    return send(reply, Err(Error::JobNotFound));
                };
                let live = index.live_of(job_no).into_iter().find(|view| view.id.to_string() == id);
                if let Some(view) = live {
                    let output = self.outputs.find(&view.id);
                    return send(reply, Ok(Found::Live { output, state: view.state }));
                }
                self.read(reply, NOTHING, move |history, _| {
                    history.output(job_no, &id).map(Found::Ended)
                });
            }
            Query::Upcoming { upcoming, reply } => {
                self.walks.begin(upcoming, clocks::wall(), reply);
            }
            Query::Why { name, at, reply } => self.why(&name, at, reply),
            Query::Stats { stats, reply } => self.stats(*stats, reply),
            Query::Recent { recent, reply } => self.recent(*recent, reply),
            Query::Aged { after, reply } => send(reply, Ok(retention::aged(index, after))),
            Query::Skipped { name, reply } => {
                let Some(job_no) = index.job_no(&name) else {
                    return send(reply, Err(Error::JobNotFound));
                };
                self.read(reply, NOTHING, move |history, _| history.skipped(job_no));
            }
            query => self.past(query),
        }
    }

    /// What was: versions of jobs, and what users did.
    fn past(&self, query: Query) {
        let index = &self.index;
        match query {
            Query::Versions { name, reply } => match past::wanted(index, &name, clocks::wall()) {
                Some(wanted) => self.read(reply, NOTHING, |history, _| history.versions(wanted)),
                None => send(reply, Err(Error::JobNotFound)),
            },
            Query::Past { job_no, version, reply } => {
                let now = index.table.get(job_no).map(|row| index.view(row));
                self.read(reply, NOTHING, move |history, _| history.past(job_no, version, now));
            }
            Query::Activity { activity, reply } => {
                let next = index.activities;
                self.read(reply, NOTHING, move |history, _| history.activity(&activity, next));
            }
            // Answered above.
            _ => {}
        }
    }

    fn recent(&self, recent: RecentQuery, reply: Reply<RecentPage>) {
        let mut going = recent::going(&self.index, &recent);
        let shown = if recent.tail > 0 { std::mem::take(&mut going.views) } else { Vec::new() };
        self.read(reply, (shown, Shown::Listed), move |history, shown| {
            going.views.extend(shown);
            history.recent(&recent, going)
        });
    }

    fn why(&self, name: &JobName, at: Timestamp, reply: Reply<WhyView>) {
        match why::asked(&self.index, name, at, clocks::wall()) {
            Some(asked) => self.read(reply, NOTHING, |history, _| history.why(asked)),
            None => send(reply, Err(Error::JobNotFound)),
        }
    }

    /// A slice of what takes long, whatever else there is to do.
    fn walk(&mut self) {
        let Some(walk) = self.walks.step(&self.index) else { return };
        let Walk { query, from, reply, due, .. } = walk;
        let zone = self.index.zone.clone();
        self.read(reply, NOTHING, move |_, _| Ok(forecast::of(query, from, due, &zone)));
    }

    fn stats(&self, stats: StatsQuery, reply: Reply<Buckets>) {
        let now = clocks::wall();
        let asked = match &stats.scope {
            Scope::Cluster => Asked::Cluster,
            Scope::Node(name) => {
                let member = self.index.members().iter().any(|member| member.name == *name);
                Asked::Node { name: name.clone(), member }
            }
            Scope::Job(name) => match self.index.job_no(name) {
                Some(job_no) => Asked::Job(job_no),
                None => return send(reply, Err(Error::JobNotFound)),
            },
        };
        self.read(reply, NOTHING, move |history, _| history.stats(&asked, &stats, now));
    }

    /// Reads the disk and outputs elsewhere, a few at a time; what would wait too long is shed.
    /// Views of what runs get what it wrote so far.
    fn read<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        (live, shown): (Vec<ExecutionView>, Shown),
        read: impl FnOnce(&History, Vec<ExecutionView>) -> Result<T, Error> + Send + 'static,
    ) {
        let Ok(place) = Arc::clone(&self.queue).try_acquire_owned() else {
            return send(reply, Err(Error::Busy));
        };
        let (history, room) = (Arc::clone(&self.history), Arc::clone(&self.room));
        let outputs = self.outputs.clone();
        self.pool.spawn(async move {
            let _place = place;
            let Ok(_permit) = room.acquire_owned().await else { return };
            let live = outputs.fill(live, shown).await;
            let done = tokio::task::spawn_blocking(move || read(&history, live)).await;
            send(reply, done.unwrap_or_else(|err| Err(Error::Storage(err.to_string()))));
        });
    }
}

/// Who asked may have gone away meanwhile.
fn send<T>(reply: Reply<T>, answer: Result<T, Error>) {
    let _ = reply.send(answer);
}
