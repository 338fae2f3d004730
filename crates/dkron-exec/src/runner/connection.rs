//! One life of a runner, from the agent's side: start the process, shake hands, end it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::frame;
use super::protocol::{FromRunner, ToRunner, VERSION};

const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
const READ_BUFFER: usize = 64 << 10;
/// Longer paths do not fit the address of a Unix socket.
const SOCKET_PATH_MAX: usize = 100;

/// How to start the runner.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// The program, usually this one.
    pub exe: PathBuf,
    /// Arguments that make it call `runner_main`.
    pub args: Vec<OsString>,
    /// Where the socket is put. The directory must exist and belong to this node alone.
    pub socket_path: PathBuf,
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
    #[error("execution `{id}` is already running")]
    AlreadyRunning { id: String },
    #[error("execution `{id}` is too large to start: {bytes} bytes of configuration and payload")]
    TooLarge { id: String, bytes: usize },
}

/// A runner that is up and has greeted.
pub struct Connection {
    pub child: Child,
    pub reader: BufReader<OwnedReadHalf>,
    pub writer: OwnedWriteHalf,
}

/// Starts a runner and waits for its greeting.
pub async fn open(options: &RunnerOptions) -> Result<Connection, RunnerError> {
    let path = &options.socket_path;
    let listen = |source| RunnerError::Listen { path: path.clone(), source };
    let (listener, address) = listen_at(path).map_err(listen)?;
    // Its own group: a Ctrl-C at the terminal is for the agent, which then ends the runner.
    let child = Command::new(&options.exe)
        .args(&options.args)
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| RunnerError::Spawn { exe: options.exe.clone(), source })?;
    let greeting = timeout(HELLO_TIMEOUT, greet(address.path())).await;
    let greeted = greeting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let (reader, writer) = greeted.map_err(|source| RunnerError::Greeting { source })?;
    Ok(Connection { child, reader, writer })
}

async fn greet(path: &Path) -> io::Result<(BufReader<OwnedReadHalf>, OwnedWriteHalf)> {
    use tokio::io::AsyncWriteExt;

    let (reader, mut writer) = UnixStream::connect(path).await?.into_split();
    let mut reader = BufReader::with_capacity(READ_BUFFER, reader);
    let mut buffer = Vec::new();
    frame::encode(&ToRunner::Hello { version: VERSION }, &mut buffer)?;
    writer.write_all(&buffer).await?;
    match frame::read::<FromRunner>(&mut reader, &mut buffer).await? {
        Some(FromRunner::Hello { version: VERSION, .. }) => Ok((reader, writer)),
        Some(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "it speaks another version")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
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

fn listen_at(path: &Path) -> io::Result<(StdListener, Address)> {
    let address = Address::new(path)?;
    // A socket file outlives its listener; nobody else uses this directory.
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let listener = StdListener::bind(address.path())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok((listener, address))
}
