//! The agent's side of the runner: keeps one alive and hands its messages to the runs they are for.
//!
//! When the runner dies, its runs fail, what is left of their groups is killed, and another runner
//! is started. When the last client is dropped, the runner ends and all processes with it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::output::{OutputSink, StartedProcess};
use crate::process::kernel;

use super::connection::{self, Connection};
use super::frame;
use super::protocol::{Exit, FromRunner, Listed, Start, ToRunner};

pub use super::connection::{RunnerError, RunnerOptions};

const ORDERS: usize = 256;
/// How long a start waits for a runner that is being started again.
const RESTART_WAIT: Duration = Duration::from_secs(5);
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long a runner whose socket is closed may take to kill its groups.
const FAREWELL: Duration = Duration::from_secs(5);
/// Left free in a frame for everything but the payload.
const START_BYTES_MAX: usize = frame::FRAME_BYTES_MAX - (64 << 10);

/// A handle to the node's runner; clones share it.
#[derive(Clone)]
pub struct RunnerClient {
    shared: Arc<Shared>,
    up: watch::Receiver<Phase>,
    closing: CancellationToken,
    _guard: Arc<DropGuard>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Up,
    Down,
    /// Ended on purpose, all processes are gone.
    Ended,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// There exactly while a runner is up. Runs are only entered while it is, under the same lock
    /// that a dead runner's runs are taken out with: so none is forgotten.
    orders: Option<mpsc::Sender<ToRunner>>,
    runs: HashMap<String, Running>,
    lists: VecDeque<oneshot::Sender<Vec<Listed>>>,
}

struct Running {
    out: OutputSink,
    process: Option<StartedProcess>,
    done: oneshot::Sender<Exit>,
}

/// A run that was handed to the runner. Dropping it before its end kills it.
pub struct RunningProcess {
    id: String,
    orders: mpsc::Sender<ToRunner>,
    done: oneshot::Receiver<Exit>,
    ended: bool,
}

impl RunnerClient {
    /// Starts the runner and keeps one running.
    ///
    /// # Errors
    /// If the first one cannot be started; later ones are tried again and again.
    pub async fn spawn(options: RunnerOptions) -> Result<Self, RunnerError> {
        let first = connection::open(&options).await?;
        let shared = Arc::new(Shared::default());
        let (phase, up) = watch::channel(Phase::Down);
        let closing = CancellationToken::new();
        let guard = Arc::new(closing.clone().drop_guard());
        tokio::spawn(keep_alive(Arc::clone(&shared), options, first, phase, closing.clone()));
        let client = Self { shared, up, closing, _guard: guard };
        client.wait_until_up().await?;
        Ok(client)
    }

    /// Starts a process. Its output goes into the sink as it comes, and so does the notice that it
    /// was started.
    ///
    /// # Errors
    /// If there is no runner, or the id is taken. A command that cannot be started is no error
    /// here: it is the run's end.
    pub async fn start(
        &self,
        start: Start,
        out: OutputSink,
    ) -> Result<RunningProcess, RunnerError> {
        let id = start.id.clone();
        let bytes = size(&start);
        if bytes > START_BYTES_MAX {
            return Err(RunnerError::TooLarge { id, bytes });
        }
        let (done, receiver) = oneshot::channel();
        let mut running = Running { out, process: None, done };
        let orders = loop {
            self.wait_until_up().await?;
            match self.shared.enter(&id, running)? {
                Ok(orders) => break orders,
                Err(back) => running = back,
            }
        };
        let process = RunningProcess { id, orders: orders.clone(), done: receiver, ended: false };
        // A runner that dies right now ends the run through `done`.
        let _ = orders.send(ToRunner::Start(Box::new(start))).await;
        Ok(process)
    }

    /// What the runner says is going on.
    ///
    /// # Errors
    /// If there is no runner, or it dies meanwhile.
    pub async fn list(&self) -> Result<Vec<Listed>, RunnerError> {
        self.wait_until_up().await?;
        let (answer, receiver) = oneshot::channel();
        let orders = {
            let mut state = self.shared.lock();
            let orders = state.orders.clone().ok_or(RunnerError::Unavailable)?;
            state.lists.push_back(answer);
            orders
        };
        let _ = orders.send(ToRunner::List).await;
        receiver.await.map_err(|_| RunnerError::Died)
    }

    /// Ends the runner and every process it has started; no other one is started.
    pub async fn shutdown(&self) {
        self.closing.cancel();
        let mut up = self.up.clone();
        // Fails only if the keeper is gone, and then the runner is too.
        let _ = up.wait_for(|phase| *phase == Phase::Ended).await;
    }

    async fn wait_until_up(&self) -> Result<(), RunnerError> {
        let mut up = self.up.clone();
        let wait = up.wait_for(|phase| *phase != Phase::Down);
        match timeout(RESTART_WAIT, wait).await {
            Ok(Ok(phase)) if *phase == Phase::Up => Ok(()),
            _ => Err(RunnerError::Unavailable),
        }
    }
}

impl RunningProcess {
    /// How it ended; all output is in the sink by then. Cancel-safe.
    ///
    /// # Errors
    /// If the runner died.
    pub async fn wait(&mut self) -> Result<Exit, RunnerError> {
        let result = (&mut self.done).await;
        self.ended = true;
        result.map_err(|_| RunnerError::Died)
    }

    /// Asks the process group to end and kills it after the grace.
    pub async fn kill(&self, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        // If the runner is gone, so is the process.
        let _ = self.orders.send(ToRunner::Kill { id: self.id.clone(), grace_ms }).await;
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        if !self.ended {
            let kill = ToRunner::Kill { id: self.id.clone(), grace_ms: 0 };
            if let Err(mpsc::error::TrySendError::Full(kill)) = self.orders.try_send(kill) {
                let orders = self.orders.clone();
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(async move {
                        let _ = orders.send(kill).await;
                    });
                }
            }
        }
    }
}

fn size(start: &Start) -> usize {
    let argv: usize = start.argv.iter().map(|word| word.len() + 8).sum();
    let env: usize = start.env.iter().map(|(name, value)| name.len() + value.len() + 16).sum();
    start.stdin.len() + argv + env
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a run, or gives it back if the runner has just died.
    fn enter(
        &self,
        id: &str,
        running: Running,
    ) -> Result<Result<mpsc::Sender<ToRunner>, Running>, RunnerError> {
        let mut state = self.lock();
        let Some(orders) = state.orders.clone() else {
            return Ok(Err(running));
        };
        if state.runs.contains_key(id) {
            return Err(RunnerError::AlreadyRunning { id: id.to_owned() });
        }
        state.runs.insert(id.to_owned(), running);
        Ok(Ok(orders))
    }

    fn take(&self, message: FromRunner) {
        let mut state = self.lock();
        match message {
            FromRunner::Hello { .. } => {}
            FromRunner::Started { id, process } => {
                if let Some(running) = state.runs.get_mut(&id) {
                    running.process = Some(process);
                    let out = running.out.clone();
                    drop(state);
                    out.started(process);
                }
            }
            FromRunner::Output { id, dropped, bytes } => {
                if let Some(running) = state.runs.get(&id) {
                    running.out.skip(dropped);
                    running.out.write(&bytes);
                }
            }
            FromRunner::Exited { id, exit } => {
                if let Some(running) = state.runs.remove(&id) {
                    running.out.skip(exit.dropped);
                    running.out.write(&exit.bytes);
                    // Fails if nobody waits any more.
                    let _ = running.done.send(exit);
                }
            }
            FromRunner::Listed(list) => {
                if let Some(answer) = state.lists.pop_front() {
                    let _ = answer.send(list);
                }
            }
        }
    }

    /// Takes out everything of a runner that is gone; dropping the runs ends them.
    fn bury(&self) -> HashMap<String, Running> {
        let mut state = self.lock();
        state.orders = None;
        state.lists.clear();
        std::mem::take(&mut state.runs)
    }
}

async fn keep_alive(
    shared: Arc<Shared>,
    options: RunnerOptions,
    first: Connection,
    phase: watch::Sender<Phase>,
    closing: CancellationToken,
) {
    let mut next = Some(first);
    let mut backoff = BACKOFF_MIN;
    while !closing.is_cancelled() {
        let opened = match next.take() {
            Some(connection) => Ok(connection),
            None => connection::open(&options).await,
        };
        match opened {
            Ok(connection) => {
                backoff = BACKOFF_MIN;
                live(&shared, connection, &phase, &closing).await;
            }
            Err(err) => {
                let source = std::error::Error::source(&err).map(ToString::to_string);
                tracing::error!(error = %err, source, "the process runner could not be started");
            }
        }
        let _ = phase.send(Phase::Down);
        tokio::select! {
            () = sleep(backoff) => backoff = (backoff * 2).min(BACKOFF_MAX),
            () = closing.cancelled() => {}
        }
    }
    let _ = phase.send(Phase::Ended);
    // The path is free for the next agent.
    let _ = std::fs::remove_file(&options.socket_path);
}

/// One runner, until it dies or is to end.
async fn live(
    shared: &Shared,
    connection: Connection,
    phase: &watch::Sender<Phase>,
    closing: &CancellationToken,
) {
    let Connection { mut child, mut reader, mut writer } = connection;
    let (orders, waiting) = mpsc::channel(ORDERS);
    shared.lock().orders = Some(orders);
    let _ = phase.send(Phase::Up);
    let writing = tokio::spawn(async move { frame::write_all(waiting, &mut writer).await });
    tokio::select! {
        result = listen(shared, &mut reader) => {
            tracing::error!(?result, "the process runner died; its runs are killed");
        }
        () = closing.cancelled() => {}
    }
    let _ = phase.send(Phase::Down);
    let left = shared.bury();
    // Closing both halves tells a living runner to kill everything and end.
    writing.abort();
    drop(reader);
    if timeout(FAREWELL, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
    // Direct children died with the runner; others of their groups did not.
    for process in left.values().filter_map(|running| running.process) {
        kernel::kill_left_over(process);
    }
}

async fn listen(shared: &Shared, reader: &mut BufReader<OwnedReadHalf>) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(message) = frame::read(reader, &mut buffer).await? {
        shared.take(message);
    }
    Ok(())
}
