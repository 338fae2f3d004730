//! One wish for many jobs. The server that took it carries it out by itself, whoever has gone away
//! meanwhile, and keeps what became of each job; it ends with the server's leadership.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dkron_core::domain::{JobName, Submission, Timestamp};
use dkron_node::service::{Error, Service};
use tokio::task::JoinSet;

use super::instant;

/// LIMIT: batches that are kept; the oldest that is over goes first.
const KEPT: usize = 16;
/// LIMIT: batches that go on at a time; more are refused.
const GOING: usize = 4;
/// LIMIT: jobs of one batch.
pub const JOBS: usize = 150_000;
/// Jobs of one batch that are on their way at a time.
const AT_A_TIME: usize = 16;

/// What is to become of each job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Run,
    Toggle,
    Enable,
    Disable,
    Delete,
    /// Create or replace, by the definition that was sent along.
    Apply,
}

/// One of the jobs that are meant.
#[derive(Debug)]
pub enum Item {
    Name(JobName),
    Job(Box<Submission>),
}

pub const VERBS: &[(&str, Verb)] = &[
    ("run", Verb::Run),
    ("toggle", Verb::Toggle),
    ("enable", Verb::Enable),
    ("disable", Verb::Disable),
    ("delete", Verb::Delete),
    ("apply", Verb::Apply),
];

/// How far a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Going,
    Done,
    /// Somebody ended it.
    Cancelled,
    /// This server leads no more.
    Interrupted,
}

pub const STAGES: &[(&str, Stage)] = &[
    ("running", Stage::Going),
    ("done", Stage::Done),
    ("cancelled", Stage::Cancelled),
    ("interrupted", Stage::Interrupted),
];

/// What became of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub name: JobName,
    /// Why not.
    pub problem: Option<Error>,
}

/// All that became of the jobs so far.
#[derive(Debug)]
pub struct Progress {
    pub stage: Stage,
    pub ended_at: Option<Timestamp>,
    pub failed: usize,
    /// In the order in which they came to an end.
    pub outcomes: Vec<Outcome>,
}

#[derive(Debug)]
pub struct Batch {
    pub id: String,
    pub verb: Verb,
    pub total: usize,
    pub begun_at: Timestamp,
    cancelled: AtomicBool,
    progress: Mutex<Progress>,
}

/// The batches of this server.
#[derive(Debug, Default)]
pub struct Batches {
    last: AtomicU64,
    kept: Mutex<VecDeque<Arc<Batch>>>,
}

impl Batch {
    pub fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more is begun; what is on its way comes to its end.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.progress().stage != Stage::Going
    }
}

impl Batches {
    pub fn all(&self) -> Vec<Arc<Batch>> {
        self.lock().iter().cloned().collect()
    }

    pub fn get(&self, id: &str) -> Option<Arc<Batch>> {
        self.lock().iter().find(|batch| batch.id == id).cloned()
    }

    /// Begins one, if there is room.
    pub fn begin(
        &self,
        node: &str,
        verb: Verb,
        items: Vec<Item>,
        service: Service,
    ) -> Result<Arc<Batch>, Error> {
        let mut kept = self.lock();
        if kept.iter().filter(|batch| !batch.is_over()).count() >= GOING {
            return Err(Error::Busy);
        }
        if kept.len() >= KEPT
            && let Some(at) = kept.iter().position(|batch| batch.is_over())
        {
            kept.remove(at);
        }
        // Never again, whenever this server is started again.
        let now = instant::now();
        let no = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let id = format!("{}-{no}-{node}", now.secs());
        let (stage, outcomes) = (Stage::Going, Vec::new());
        let progress = Progress { stage, ended_at: None, failed: 0, outcomes };
        let batch = Arc::new(Batch {
            id,
            verb,
            total: items.len(),
            begun_at: now,
            cancelled: AtomicBool::new(false),
            progress: Mutex::new(progress),
        });
        kept.push_back(Arc::clone(&batch));
        tokio::spawn(carry_out(Arc::clone(&batch), items, service));
        Ok(batch)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Batch>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn carry_out(batch: Arc<Batch>, items: Vec<Item>, service: Service) {
    let (mut left, mut stage) = (items, Stage::Done);
    loop {
        let before = left.len();
        left = pass(&batch, left, &service, &mut stage, false).await;
        // Parents may stand behind their children; who still finds none then has none.
        if left.is_empty() || left.len() == before || stage != Stage::Done {
            break;
        }
    }
    pass(&batch, left, &service, &mut stage, true).await;
    let mut progress = batch.progress();
    (progress.stage, progress.ended_at) = (stage, Some(instant::now()));
}

/// Goes through the items once; what is left are those whose parent is not there yet.
async fn pass(
    batch: &Batch,
    items: Vec<Item>,
    service: &Service,
    stage: &mut Stage,
    is_last: bool,
) -> Vec<Item> {
    let (mut items, mut going, mut left) = (items.into_iter(), JoinSet::new(), Vec::new());
    loop {
        while going.len() < AT_A_TIME && *stage == Stage::Done {
            if batch.cancelled.load(Ordering::Acquire) && items.len() > 0 {
                *stage = Stage::Cancelled;
                break;
            }
            let Some(item) = items.next() else { break };
            going.spawn(one(service.clone(), batch.verb, item));
        }
        // One that panicked is a defect that the log tells of; the others go on.
        let Some(ended) = going.join_next().await else { return left };
        let Ok((item, outcome)) = ended else { continue };
        match outcome.problem {
            Some(Error::ParentNotFound) if !is_last => {
                left.extend(item);
                continue;
            }
            Some(Error::NoLeader | Error::Stopping) => *stage = Stage::Interrupted,
            _ => {}
        }
        let mut progress = batch.progress();
        progress.failed += usize::from(outcome.problem.is_some());
        progress.outcomes.push(outcome);
    }
}

/// The item comes back if it may be of use once more.
async fn one(service: Service, verb: Verb, item: Item) -> (Option<Item>, Outcome) {
    let name = match item {
        Item::Name(name) => name,
        Item::Job(submission) => {
            let name = submission.job.name.clone();
            let problem = service.put_job(Submission::clone(&submission)).await.err();
            return (Some(Item::Job(submission)), Outcome { name, problem });
        }
    };
    let named = || name.clone();
    let done = match verb {
        Verb::Run => service.run_job(named(), None).await.map(drop),
        Verb::Toggle => service.toggle_job(named()).await.map(drop),
        Verb::Delete => service.delete_job(named()).await.map(drop),
        Verb::Enable | Verb::Disable => switch(&service, named(), verb == Verb::Disable).await,
        // Applied jobs come whole.
        Verb::Apply => Err(Error::JobNotFound),
    };
    (None, Outcome { problem: done.err(), name })
}

/// One that is as it should be stays so.
async fn switch(service: &Service, name: JobName, disabled: bool) -> Result<(), Error> {
    match service.job(name.clone()).await?.job.disabled == disabled {
        true => Ok(()),
        false => service.toggle_job(name).await.map(drop),
    }
}
