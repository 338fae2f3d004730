//! The agent's handle to its runner: connects to the one that lives or starts one, keeps one
//! running, and hands its messages to the runs they are for.
//!
//! When the runner dies, its runs fail, what is left of their groups is killed, and another runner
//! is started.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::BufReader;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::output::{OutputSink, OutputTail, RunOutput, StartedProcess};
use crate::process::kernel;

use super::connection::{self, Connection};
use super::frame;
use super::held::{Ended, Held, RemoteOutput, STARTS, Shared};
use super::protocol::{Exit, Start, ToRunner};

pub use super::connection::{RunnerError, RunnerOptions};

/// How long a start waits for a runner that is being started again.
const RESTART_WAIT: Duration = Duration::from_secs(5);
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long a runner that is to end may take to kill its groups.
const FAREWELL: Duration = Duration::from_secs(5);
/// Left free in a frame for everything but the payload.
const START_BYTES_MAX: usize = frame::FRAME_BYTES_MAX - (64 << 10);
/// So many starts are on their way at most.
const STARTS_MAX: usize = 512;

/// A handle to the node's runner; clones share it. With the last one the agent lets go of it.
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
    /// Let go of, or ended, on purpose.
    Ended,
}

/// A run that was handed to the runner. Dropping it abandons it: it goes on, and can be resumed.
pub struct RunningProcess {
    seq: u64,
    shared: Arc<Shared>,
    done: oneshot::Receiver<Ended>,
}

impl RunnerClient {
    /// Connects to the living runner of this socket, or starts one, and keeps one running. What
    /// it holds from earlier lives of the agent comes along: each is to be resumed, killed or
    /// forgotten.
    ///
    /// # Errors
    /// If there is none and none can be started; later ones are tried again and again.
    pub async fn open(options: RunnerOptions) -> Result<(Self, Vec<Held>), RunnerError> {
        let first = connection::open(&options).await?;
        let held = first.held.iter().cloned().map(Held::from).collect();
        let shared = Arc::new(Shared::default());
        let (phase, up) = watch::channel(Phase::Down);
        let closing = CancellationToken::new();
        let guard = Arc::new(closing.clone().drop_guard());
        tokio::spawn(keep_alive(Arc::clone(&shared), options, first, phase, closing.clone()));
        let client = Self { shared, up, closing, _guard: guard };
        client.wait_until_up().await?;
        Ok((client, held))
    }

    /// Starts a process. The notice that it was started goes into the sink, and its output is read
    /// through the sink's readers.
    ///
    /// # Errors
    /// If there is no runner, or the seq is taken. A command that cannot be started is no error
    /// here: it is the run's end.
    pub async fn start(
        &self,
        start: Start,
        out: OutputSink,
    ) -> Result<RunningProcess, RunnerError> {
        let (seq, bytes) = (start.seq, size(&start));
        if bytes > START_BYTES_MAX {
            return Err(RunnerError::TooLarge { seq, bytes });
        }
        let share = u32::try_from(bytes.max(STARTS / STARTS_MAX) >> 10).unwrap_or(u32::MAX);
        let (orders, done) = loop {
            self.wait_until_up().await?;
            let starts = Arc::clone(&self.shared.starts);
            let permit = starts.acquire_many_owned(share).await;
            let permit = permit.map_err(|_| RunnerError::Unavailable)?;
            if let Some(entered) = self.shared.enter(seq, out.clone(), permit)? {
                break entered;
            }
        };
        out.kept_elsewhere(self.output(seq));
        // A runner that dies right now ends the run through `done`.
        let _ = orders.send(ToRunner::Start(Box::new(start)));
        Ok(RunningProcess { seq, shared: Arc::clone(&self.shared), done })
    }

    /// Takes up a run that the runner holds, as if it had been started here.
    ///
    /// # Errors
    /// If the runner does not hold it.
    pub fn resume(&self, seq: u64, out: OutputSink) -> Result<RunningProcess, RunnerError> {
        out.kept_elsewhere(self.output(seq));
        let done = self.shared.resume(seq, out)?;
        Ok(RunningProcess { seq, shared: Arc::clone(&self.shared), done })
    }

    /// Asks the process group to end and kills all of it after the grace.
    pub fn kill(&self, seq: u64, grace: Duration) {
        self.shared.send(ToRunner::Kill { seq, grace_ms: millis(grace) });
    }

    /// The result is in the journal: the runner may drop it, and the output with it. A run that
    /// still goes on is not forgotten by the runner; one that is not held is nobody's.
    pub fn forget(&self, seq: u64) {
        self.shared.forget(seq);
    }

    /// The leader was heard `age` ago: every lease counts from then.
    pub fn renew(&self, age: Duration) {
        self.shared.send(ToRunner::Renew { age_ms: millis(age) });
    }

    /// Everything that the runner holds, by seq.
    ///
    /// # Errors
    /// If there is no runner, or it dies meanwhile.
    pub async fn list(&self) -> Result<Vec<Held>, RunnerError> {
        self.wait_until_up().await?;
        self.shared.list()?.await.map_err(|_| RunnerError::Died)
    }

    /// Ends the runner and every process it has started; no other one is started.
    pub async fn shutdown(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        self.shared.send(ToRunner::Shutdown);
        self.detach().await;
    }

    /// Lets go of the runner, which goes on with its runs unless it was started to end with its
    /// agent. No other one is started.
    pub async fn detach(&self) {
        self.closing.cancel();
        let mut up = self.up.clone();
        // Fails only if the keeper is gone, and then the connection is too.
        let _ = up.wait_for(|phase| *phase == Phase::Ended).await;
    }

    fn output(&self, seq: u64) -> Arc<dyn RunOutput> {
        Arc::new(RemoteOutput { shared: Arc::clone(&self.shared), seq })
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
    /// How it ended. Cancel-safe.
    ///
    /// # Errors
    /// If the runner died.
    pub async fn wait(&mut self) -> Result<Ended, RunnerError> {
        (&mut self.done).await.map_err(|_| RunnerError::Died)
    }

    /// Asks the process group to end and kills all of it after the grace.
    pub fn kill(&self, grace: Duration) {
        self.shared.send(ToRunner::Kill { seq: self.seq, grace_ms: millis(grace) });
    }

    /// The tail of the output of a run that has ended, and for a large one its share of the room
    /// that all large outputs have.
    pub async fn tail(&self, ended: Ended) -> (Exit, OutputTail, Option<OwnedSemaphorePermit>) {
        let Ended { exit, tail } = ended;
        if let Some(bytes) = tail {
            let dropped = exit.kept_from;
            return (exit, OutputTail { bytes, dropped }, None);
        }
        let room = self.shared.room(exit.written - exit.kept_from).await;
        let there = RemoteOutput { shared: Arc::clone(&self.shared), seq: self.seq };
        let mut bytes = BytesMut::new();
        let mut at = exit.kept_from;
        while at < exit.written {
            match there.read(at, usize::MAX).await {
                Ok(piece) if !piece.bytes.is_empty() => {
                    bytes.extend_from_slice(&piece.bytes);
                    at = piece.end();
                }
                // The runner is gone or cannot read its file: the rest is lost.
                _ => {
                    let (bytes, dropped) = (Bytes::new(), exit.written);
                    return (exit, OutputTail { bytes, dropped }, None);
                }
            }
        }
        let dropped = exit.kept_from;
        (exit, OutputTail { bytes: bytes.freeze(), dropped }, room)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn size(start: &Start) -> usize {
    let argv: usize = start.argv.iter().map(|word| word.len() + 8).sum();
    let env: usize = start.env.iter().map(|(name, value)| name.len() + value.len() + 16).sum();
    start.stdin.len() + start.note.len() + argv + env
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
        if closing.is_cancelled() || shared.replaced.load(Ordering::Relaxed) {
            break;
        }
        // A connection may break without the runner.
        next = connection::reach(&options).await.ok();
        if next.is_none() {
            kill_left_over(shared.bury());
        }
        tokio::select! {
            () = sleep(backoff) => backoff = (backoff * 2).min(BACKOFF_MAX),
            () = closing.cancelled() => {}
        }
    }
    let _ = shared.bury();
    if shared.ending.load(Ordering::Relaxed) {
        // The path is free for the next agent.
        let _ = std::fs::remove_file(&options.socket_path);
    }
    let _ = phase.send(Phase::Ended);
}

/// One connection, until it breaks or is to end.
async fn live(
    shared: &Shared,
    mut connection: Connection,
    phase: &watch::Sender<Phase>,
    closing: &CancellationToken,
) {
    let (orders, waiting) = mpsc::unbounded_channel();
    let held = std::mem::take(&mut connection.held);
    kill_left_over(shared.attach(orders, held));
    let Connection { reader, writer, runner, .. } = &mut connection;
    let _ = phase.send(Phase::Up);
    let writing = async {
        let result = frame::write_all(waiting, writer).await;
        // Everything was said, or nothing more can be.
        if result.is_ok() { std::future::pending().await } else { result }
    };
    tokio::pin!(writing);
    let broken = tokio::select! {
        biased;
        // A runner that was told to end may be gone by now, as it should be.
        () = closing.cancelled() => None,
        result = listen(shared, reader) => Some(result),
        result = &mut writing => Some(result),
    };
    let _ = phase.send(Phase::Down);
    shared.disconnect();
    if let Some(result) = broken {
        tracing::error!(?result, "the process runner is gone, or its connection is");
        return;
    }
    // What was said before the word to close is still to be written; then the other side's turn.
    let farewell = async {
        tokio::select! {
            _ = &mut writing => {}
            _ = listen(shared, reader) => {}
        }
    };
    let left = timeout(FAREWELL, farewell).await;
    if left.is_err() && shared.ending.load(Ordering::Relaxed) {
        runner.kill();
    }
}

async fn listen(shared: &Shared, reader: &mut BufReader<OwnedReadHalf>) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(message) = frame::read(reader, &mut buffer).await? {
        shared.take(message);
    }
    Ok(())
}

/// Direct children died with the runner; others of their groups did not.
fn kill_left_over(processes: Vec<StartedProcess>) {
    for process in processes {
        kernel::kill_left_over(process.process_group, process.start_time);
    }
}
