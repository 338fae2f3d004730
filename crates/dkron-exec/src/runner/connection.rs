//! One connection to a runner, from the agent's side: to the one that lives, or to a new one.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::frame;
use super::hello::{ATTACH, HELLO_BYTES, Hello, RETIRE};
use super::protocol::{FromRunner, HeldRun, ToRunner};

const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
const READ_BUFFER: usize = 64 << 10;
/// Longer paths do not fit the address of a Unix socket.
const SOCKET_PATH_MAX: usize = 100;

/// How to reach the runner, and how to start one.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// The program, usually this one.
    pub exe: PathBuf,
    /// Arguments that make it call `runner_main`.
    pub args: Vec<OsString>,
    /// Where the socket is put. The directory must exist and belong to this node alone.
    pub socket_path: PathBuf,
    /// Where large outputs are put; made if it is not there.
    pub spool_dir: PathBuf,
    /// Where a new runner's standard error goes; the agent's own if none is given.
    pub log_path: Option<PathBuf>,
}

/// Why something could not be done through the runner.
#[derive(Debug, Error)]
pub enum RunnerError {
    #[error("cannot listen at `{}`", path.display())]
    Listen {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot start the runner `{}`", exe.display())]
    Spawn {
        exe: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the runner does not answer")]
    Greeting {
        #[source]
        source: io::Error,
    },
    #[error("the runner is not there; it is being started again")]
    Unavailable,
    #[error("runner died: this run was killed with it")]
    Died,
    #[error("the runner does not hold execution {seq}")]
    NotHeld { seq: u64 },
    #[error("execution {seq} is already running")]
    AlreadyRunning { seq: u64 },
    #[error("execution {seq} is too large to start: {bytes} bytes of configuration and payload")]
    TooLarge { seq: u64, bytes: usize },
}

/// A runner that has greeted and said what it holds.
pub struct Connection {
    pub reader: BufReader<OwnedReadHalf>,
    pub writer: OwnedWriteHalf,
    pub held: Vec<HeldRun>,
    pub runner: Runner,
    /// Waited for, if this agent started it.
    _child: Option<Child>,
}

/// The process at the other end, if it could be got hold of.
pub struct Runner(Option<OwnedFd>);

impl Runner {
    /// Ends a runner that does not end by itself.
    pub fn kill(&self) {
        if let Some(runner) = &self.0 {
            // Gone is what it should be.
            let _ = pidfd_send_signal(runner, Signal::KILL);
        }
    }
}

/// Connects to the runner that lives, or starts one.
pub async fn open(options: &RunnerOptions) -> Result<Connection, RunnerError> {
    match reach(options).await {
        Ok(connection) => return Ok(connection),
        Err(err) => {
            let absent = [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused];
            if !absent.contains(&err.kind()) {
                tracing::warn!(error = %err, "the former process runner is of no use, another one \
                     is started beside it");
            }
        }
    }
    let path = &options.socket_path;
    let listen = |source| RunnerError::Listen { path: path.clone(), source };
    let listener = listen_at(path).map_err(listen)?;
    let spawn = |source| RunnerError::Spawn { exe: options.exe.clone(), source };
    let stderr = match &options.log_path {
        Some(path) => Stdio::from(fs::File::create(path).map_err(spawn)?),
        None => Stdio::inherit(),
    };
    // Its own group: a Ctrl-C at the terminal is for the agent.
    let child = Command::new(&options.exe)
        .args(&options.args)
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(spawn)?;
    let reached = reach(options).await;
    let connection = reached.map_err(|source| RunnerError::Greeting { source })?;
    Ok(Connection { _child: Some(child), ..connection })
}

/// Connects to the runner that lives.
///
/// # Errors
/// If there is none, or it cannot be understood: it is retired then.
pub async fn reach(options: &RunnerOptions) -> io::Result<Connection> {
    let address = Address::new(&options.socket_path)?;
    let stream = UnixStream::connect(address.path()).await?;
    let greeting = timeout(HELLO_TIMEOUT, greet(stream, &options.spool_dir)).await;
    greeting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn greet(stream: UnixStream, spool_dir: &Path) -> io::Result<Connection> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(READ_BUFFER, reader);
    let own = Hello::own();
    writer.write_all(&own.encode()).await?;
    let mut bytes = [0; HELLO_BYTES];
    reader.read_exact(&mut bytes).await?;
    let other = Hello::decode(bytes).ok_or(io::ErrorKind::InvalidData)?;
    if own.common(other).is_none() {
        writer.write_all(&[RETIRE]).await?;
        let text = format!(
            "it speaks version {} and this program version {}; it finishes what it has",
            other.version, own.version
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    let mut buffer = vec![ATTACH];
    let spool = spool_dir.to_string_lossy().into_owned();
    frame::encode(&ToRunner::Attach { spool }, &mut buffer)?;
    writer.write_all(&buffer).await?;
    let mut held = Vec::new();
    loop {
        match frame::read::<FromRunner>(&mut reader, &mut buffer).await? {
            Some(FromRunner::Held { page, last }) => {
                held.extend(page);
                if last {
                    break;
                }
            }
            Some(_) => {}
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
    let pid = i32::try_from(other.pid).ok().and_then(Pid::from_raw);
    let runner = Runner(pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()));
    Ok(Connection { reader, writer, held, runner, _child: None })
}

/// A path that fits a socket address, for as long as this lives.
struct Address {
    short: PathBuf,
    _directory: Option<fs::File>,
}

impl Address {
    /// A long path is reached through an open handle of its directory.
    fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= SOCKET_PATH_MAX {
            return Ok(Self { short: path.to_owned(), _directory: None });
        }
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let directory = fs::File::open(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        let handle = directory.as_raw_fd();
        let short = Path::new("/proc/self/fd").join(handle.to_string()).join(name);
        Ok(Self { short, _directory: Some(directory) })
    }

    fn path(&self) -> &Path {
        &self.short
    }
}

fn listen_at(path: &Path) -> io::Result<StdListener> {
    let address = Address::new(path)?;
    // A socket file outlives its listener; nobody else uses this directory.
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let listener = StdListener::bind(address.path())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
