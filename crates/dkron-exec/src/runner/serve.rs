//! The runner's side of the socket: takes orders and starts one watcher per run.
//!
//! One thread does everything but the forks.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener as StdListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, Rlimit, Signal, geteuid, getrlimit, setrlimit};
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::output::StartedProcess;
use crate::process::kernel;
use crate::process::memory::MemoryWatch;

use super::forks::Forks;
use super::frame;
use super::protocol::{End, Exit, FromRunner, Listed, Start, ToRunner, VERSION};
use super::supervise;

/// Messages that wait for the socket; behind that, outputs stay in the tails of their runs.
const OUTBOX: usize = 64;
const READ_BUFFER: usize = 64 << 10;

/// The runs that are going on.
#[derive(Default)]
pub struct Runs {
    by_id: Mutex<HashMap<String, Entry>>,
    pub memory: MemoryWatch,
}

struct Entry {
    /// Nothing while the fork is under way.
    process: Option<StartedProcess>,
    /// Carries the grace in milliseconds.
    kill: mpsc::Sender<u64>,
}

impl Runs {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    fn kill_all(&self) {
        for process in self.lock().drain().filter_map(|(_, entry)| entry.process) {
            kernel::signal_group(process.process_group, Signal::KILL);
        }
    }
}

/// Runs the runner until its agent goes away. Standard input is the listening socket.
///
/// # Errors
/// If standard input is no listening socket, or the agent breaks the protocol.
pub fn runner_main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let runs = Arc::new(Runs::default());
        let result = serve(&runs).await;
        runs.kill_all();
        result
    })
}

async fn serve(runs: &Arc<Runs>) -> io::Result<()> {
    // A service manager may signal the whole control group: the agent decides when jobs end.
    // Handlers, unlike ignored signals, are not passed on to started processes.
    let _terminate = signal(SignalKind::terminate())?;
    let _interrupt = signal(SignalKind::interrupt())?;
    let _hangup = signal(SignalKind::hangup())?;
    let forks = Forks::new(raise_open_files())?;

    let stream = accept().await?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(READ_BUFFER, reader);
    let mut buffer = Vec::new();
    let (outbox, messages) = mpsc::channel(OUTBOX);
    let hello = FromRunner::Hello { version: VERSION, pid: std::process::id() };
    send(&outbox, hello).await;
    let writing = tokio::spawn(async move { frame::write_all(messages, &mut writer).await });

    let served = async {
        while let Some(order) = frame::read::<ToRunner>(&mut reader, &mut buffer).await? {
            match order {
                ToRunner::Hello { version: VERSION } => {}
                ToRunner::Hello { version } => return Err(wrong_version(version)),
                ToRunner::Start(order) => begin(runs, *order, &forks, &outbox).await,
                ToRunner::Kill { id, grace_ms } => {
                    if let Some(entry) = runs.lock().get(&id) {
                        // A full channel means that it is being killed already.
                        let _ = entry.kill.try_send(grace_ms);
                    }
                }
                ToRunner::List => send(&outbox, FromRunner::Listed(list(runs))).await,
                ToRunner::Shutdown => break,
            }
        }
        Ok(())
    };
    tokio::select! {
        result = served => result,
        // Nobody to tell anything any more.
        _ = writing => Ok(()),
    }
}

async fn accept() -> io::Result<UnixStream> {
    let fd: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let listener = StdListener::from(fd);
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // Whoever may use this socket may run anything as this user.
        if stream.peer_cred()?.uid() == geteuid().as_raw() {
            return Ok(stream);
        }
    }
}

fn wrong_version(version: u16) -> io::Error {
    let text = format!("the agent speaks version {version}, this runner {VERSION}");
    io::Error::new(io::ErrorKind::Unsupported, text)
}

/// A run needs three files here; the limit that was found is what started processes get.
fn raise_open_files() -> Option<Rlimit> {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: found.maximum, maximum: found.maximum };
    (found.current != found.maximum && setrlimit(Resource::Nofile, raised).is_ok()).then_some(found)
}

async fn send(outbox: &mpsc::Sender<FromRunner>, message: FromRunner) {
    // Fails only when the socket is gone, and then the runner ends.
    let _ = outbox.send(message).await;
}

fn list(runs: &Runs) -> Vec<Listed> {
    let by_id = runs.lock();
    let started = by_id.iter().filter_map(|(id, one)| Some((id, one.process?)));
    started.map(|(id, process)| Listed { id: id.clone(), process }).collect()
}

/// Enters the run before its fork, so that a kill finds it, and goes on with the next order.
async fn begin(runs: &Arc<Runs>, start: Start, forks: &Forks, outbox: &mpsc::Sender<FromRunner>) {
    let (kill, killed) = mpsc::channel(4);
    let taken = match runs.lock().entry(start.id.clone()) {
        MapEntry::Occupied(_) => true,
        MapEntry::Vacant(free) => {
            free.insert(Entry { process: None, kill });
            false
        }
    };
    if taken {
        let text = format!("execution {} is already running", start.id);
        return send(outbox, not_started(start.id, text)).await;
    }
    let place = forks.place().await;
    let (runs, outbox) = (Arc::clone(runs), outbox.clone());
    tokio::spawn(async move {
        let id = start.id.clone();
        let Some((start, spawned)) = place.start(start).await else {
            return;
        };
        match spawned {
            Ok(spawned) => {
                let process = spawned.process;
                if let Some(entry) = runs.lock().get_mut(&id) {
                    entry.process = Some(process);
                }
                send(&outbox, FromRunner::Started { id, process }).await;
                supervise::run(runs, start, spawned, killed, outbox).await;
            }
            Err(text) => {
                runs.remove(&id);
                send(&outbox, not_started(id, text)).await;
            }
        }
    });
}

fn not_started(id: String, text: String) -> FromRunner {
    let exit = Exit {
        end: End::NotStarted(text),
        timed_out: false,
        memory_exceeded: None,
        left_over_killed: false,
        kill_failed: false,
        dropped: 0,
        bytes: bytes::Bytes::new(),
    };
    FromRunner::Exited { id, exit }
}
