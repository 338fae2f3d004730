//! What the agent knows of the runs at its runner, and who waits for what about them.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dkron_core::domain::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::executor::BoxFuture;
use crate::output::{OutputSink, Piece, RunOutput, StartedProcess};

use super::RunnerError;
use super::protocol::{Exit, FromRunner, HeldRun, Process, ToRunner};

/// Outputs above what travels with the end, on their way through the agent, share this.
const LARGE_OUTPUTS: usize = 64 << 20;
/// Starts on their way share this; one of the smallest size takes a 512th.
pub const STARTS: usize = 32 << 20;

/// A run that the runner holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub seq: u64,
    /// None if it could not be started, or is about to be.
    pub process: Option<StartedProcess>,
    /// As it was given to `Start`.
    pub note: Bytes,
    /// There once it has ended.
    pub exit: Option<Exit>,
    /// Bytes written so far, dropped ones included.
    pub output_bytes: u64,
}

/// The end of a run; a small output comes along.
#[derive(Debug)]
pub struct Ended {
    pub exit: Exit,
    pub tail: Option<Bytes>,
}

/// Shared by all handles of a client.
pub struct Shared {
    state: Mutex<State>,
    /// In KiB.
    pub starts: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// The runner is to end, not only to be let go of.
    pub ending: AtomicBool,
    /// Another agent has the runner now.
    pub replaced: AtomicBool,
}

#[derive(Default)]
struct State {
    /// There exactly while a runner is up. Runs are only entered while it is, under the same lock
    /// that a dead runner's runs are taken out with: so none is forgotten.
    orders: Option<mpsc::UnboundedSender<ToRunner>>,
    runs: HashMap<u64, Entry>,
    pages: Vec<Held>,
    lists: VecDeque<oneshot::Sender<Vec<Held>>>,
    requests: u64,
    reads: HashMap<u64, oneshot::Sender<Piece>>,
}

#[derive(Default)]
struct Entry {
    out: Option<OutputSink>,
    process: Option<StartedProcess>,
    ended: Option<Ended>,
    is_over: bool,
    done: Option<oneshot::Sender<Ended>>,
    /// Bytes written, as last told; there while somebody follows.
    grown: Option<watch::Sender<u64>>,
    /// Its share of the starts on their way.
    starting: Option<OwnedSemaphorePermit>,
}

impl Default for Shared {
    fn default() -> Self {
        let kib = |bytes: usize| Arc::new(Semaphore::new(bytes >> 10));
        Self {
            state: Mutex::default(),
            starts: kib(STARTS),
            large: kib(LARGE_OUTPUTS),
            ending: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A runner is up and holds this. Runs that it does not hold have ended with a former one;
    /// those of them that left a process are given back.
    pub fn attach(
        &self,
        orders: mpsc::UnboundedSender<ToRunner>,
        held: Vec<HeldRun>,
    ) -> Vec<StartedProcess> {
        let mut state = self.lock();
        state.orders = Some(orders);
        let mut former = std::mem::take(&mut state.runs);
        for run in held {
            let mut entry = former.remove(&run.seq).unwrap_or_default();
            entry.starting = None;
            entry.process = run.process.map(started);
            if let (Some(exit), false) = (run.exit, entry.is_over) {
                entry.end(Ended { exit, tail: None });
            }
            if let (Some(grown), Some(orders)) = (&entry.grown, &state.orders) {
                let _ = orders.send(ToRunner::Follow { seq: run.seq, on: true });
                grown.send_replace(run.written);
            }
            state.runs.insert(run.seq, entry);
        }
        drop(state);
        left_processes(former)
    }

    /// The runner is gone. Processes that may be left of its runs; dropping the runs ends them.
    pub fn bury(&self) -> Vec<StartedProcess> {
        let mut state = self.lock();
        state.orders = None;
        state.lists.clear();
        state.pages.clear();
        state.reads.clear();
        let runs = std::mem::take(&mut state.runs);
        drop(state);
        left_processes(runs)
    }

    /// The connection is gone; whether the runner is will be seen.
    pub fn disconnect(&self) {
        let mut state = self.lock();
        state.orders = None;
        state.lists.clear();
        state.pages.clear();
        state.reads.clear();
    }

    /// Enters a new run and hands it to the runner; nothing if the runner has just gone.
    pub fn enter(
        &self,
        seq: u64,
        out: OutputSink,
        starting: OwnedSemaphorePermit,
    ) -> Result<Option<Entered>, RunnerError> {
        let mut state = self.lock();
        let Some(orders) = state.orders.clone() else { return Ok(None) };
        if state.runs.contains_key(&seq) {
            return Err(RunnerError::AlreadyRunning { seq });
        }
        let (done, receiver) = oneshot::channel();
        let (out, done, starting) = (Some(out), Some(done), Some(starting));
        state.runs.insert(seq, Entry { out, done, starting, ..Entry::default() });
        Ok(Some((orders, receiver)))
    }

    /// Takes up a run that the runner holds already.
    pub fn resume(
        &self,
        seq: u64,
        out: OutputSink,
    ) -> Result<oneshot::Receiver<Ended>, RunnerError> {
        let mut state = self.lock();
        let entry = state.runs.get_mut(&seq).ok_or(RunnerError::NotHeld { seq })?;
        let (done, receiver) = oneshot::channel();
        entry.out = Some(out.clone());
        entry.done = Some(done);
        if let Some(ended) = entry.ended.take() {
            entry.end(ended);
        }
        let process = entry.process;
        drop(state);
        if let Some(process) = process {
            out.started(process);
        }
        Ok(receiver)
    }

    pub fn forget(&self, seq: u64) {
        let known = self.lock().runs.remove(&seq);
        if known.is_some() {
            self.send(ToRunner::Forget { seq });
        }
    }

    /// What does not reach a runner concerns nobody any more.
    pub fn send(&self, order: ToRunner) {
        if let Some(orders) = &self.lock().orders {
            let _ = orders.send(order);
        }
    }

    pub fn list(&self) -> Result<oneshot::Receiver<Vec<Held>>, RunnerError> {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.lock();
        let orders = state.orders.clone().ok_or(RunnerError::Unavailable)?;
        state.lists.push_back(answer);
        let _ = orders.send(ToRunner::List);
        Ok(receiver)
    }

    /// Room for a large output; it may take more than there is alone.
    pub async fn room(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let kib = usize::try_from(bytes >> 10).unwrap_or(usize::MAX).clamp(1, LARGE_OUTPUTS >> 10);
        let kib = u32::try_from(kib).expect("clamped to 64 MiB");
        Arc::clone(&self.large).acquire_many_owned(kib).await.ok()
    }

    /// A message of the runner.
    pub fn take(&self, message: FromRunner) {
        let mut state = self.lock();
        match message {
            FromRunner::Held { page, last } => {
                state.pages.extend(page.into_iter().map(Held::from));
                if last {
                    let all = std::mem::take(&mut state.pages);
                    if let Some(answer) = state.lists.pop_front() {
                        let _ = answer.send(all);
                    }
                }
            }
            FromRunner::Started { seq, process } => {
                if let Some(entry) = state.runs.get_mut(&seq) {
                    entry.starting = None;
                    entry.process = Some(started(process));
                    let out = entry.out.clone();
                    drop(state);
                    if let Some(out) = out {
                        out.started(started(process));
                    }
                }
            }
            FromRunner::Ended { seq, exit, tail } => {
                if let Some(entry) = state.runs.get_mut(&seq) {
                    entry.end(Ended { exit, tail });
                }
            }
            FromRunner::Replaced => self.replaced.store(true, Ordering::Relaxed),
            FromRunner::Grew { seq, total } => {
                let state = &mut *state;
                let Some(entry) = state.runs.get_mut(&seq) else { return };
                match &entry.grown {
                    Some(grown) if grown.receiver_count() > 0 => drop(grown.send_replace(total)),
                    _ => {
                        entry.grown = None;
                        if let Some(orders) = &state.orders {
                            let _ = orders.send(ToRunner::Follow { seq, on: false });
                        }
                    }
                }
            }
            FromRunner::Bytes { request, piece } => {
                let asked = state.reads.remove(&request);
                // Without a piece the question is dropped, which says so.
                if let (Some(asked), Some(piece)) = (asked, piece) {
                    let (start, total, done) = (piece.start, piece.total, piece.done);
                    let _ = asked.send(Piece { bytes: piece.bytes, start, total, done });
                }
            }
        }
    }

    fn ask(&self, seq: u64, from: u64, max: usize) -> Option<oneshot::Receiver<Piece>> {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.lock();
        let orders = state.orders.clone()?;
        state.requests += 1;
        let request = state.requests;
        state.reads.insert(request, answer);
        let _ = orders.send(ToRunner::Read { request, seq, from, max: max as u64 });
        Some(receiver)
    }

    /// Somebody wants to know of growth; nothing if there is nothing to wait for.
    fn follow(&self, seq: u64) -> Option<watch::Receiver<u64>> {
        let mut state = self.lock();
        let orders = state.orders.clone()?;
        let entry = state.runs.get_mut(&seq).filter(|entry| !entry.is_over)?;
        let grown = entry.grown.get_or_insert_with(|| {
            let _ = orders.send(ToRunner::Follow { seq, on: true });
            watch::Sender::new(0)
        });
        Some(grown.subscribe())
    }
}

/// How orders reach the runner, and where the end of the run will come.
pub type Entered = (mpsc::UnboundedSender<ToRunner>, oneshot::Receiver<Ended>);

impl Entry {
    fn end(&mut self, ended: Ended) {
        self.is_over = true;
        self.starting = None;
        self.grown = None;
        match self.done.take() {
            // Fails if nobody waits any more; then whoever resumes it hears of it.
            Some(done) => self.ended = done.send(ended).err(),
            None => self.ended = Some(ended),
        }
        self.out = None;
    }
}

/// Processes of runs that have not ended, as far as was told.
fn left_processes(runs: HashMap<u64, Entry>) -> Vec<StartedProcess> {
    runs.into_values().filter(|entry| !entry.is_over).filter_map(|entry| entry.process).collect()
}

fn started(process: Process) -> StartedProcess {
    let (secs, nanos) = process.started_at;
    StartedProcess {
        process_group: process.group,
        start_time: process.start_time,
        started_at: Timestamp::new(secs, nanos),
    }
}

impl From<HeldRun> for Held {
    fn from(run: HeldRun) -> Self {
        Self {
            seq: run.seq,
            process: run.process.map(started),
            note: run.note,
            exit: run.exit,
            output_bytes: run.written,
        }
    }
}

/// The output of a run, kept by the runner.
pub struct RemoteOutput {
    pub shared: Arc<Shared>,
    pub seq: u64,
}

impl RunOutput for RemoteOutput {
    fn read(&self, from: u64, max: usize) -> BoxFuture<io::Result<Piece>> {
        let asked = self.shared.ask(self.seq, from, max);
        Box::pin(async move {
            let gone = || io::Error::new(io::ErrorKind::NotFound, "the runner does not hold it");
            asked.ok_or_else(gone)?.await.map_err(|_| gone())
        })
    }

    fn grown(&self, seen: u64) -> BoxFuture<()> {
        let (shared, seq) = (Arc::clone(&self.shared), self.seq);
        Box::pin(async move {
            if let Some(mut grown) = shared.follow(seq) {
                // Fails when the run is over.
                let _ = grown.wait_for(|total| *total > seen).await;
            }
        })
    }
}
