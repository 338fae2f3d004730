//! The messages between agent and runner, which may come from different builds: a runner outlives
//! its agents. Both name their version and the oldest one they understand; enums and structs grow
//! at their end only, with a new version.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Raised with every change of a message.
pub const VERSION: u16 = 2;
/// The oldest version that this build still speaks.
pub const OLDEST: u16 = 2;

/// To the runner.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToRunner {
    /// The first message; answered with `Held` for everything the runner holds.
    Attach {
        /// The directory for large outputs.
        spool: String,
    },
    Start(Box<Start>),
    /// Asks the group to end, and kills it after the grace.
    Kill {
        seq: u64,
        grace_ms: u64,
    },
    /// The result has been taken.
    Forget {
        seq: u64,
    },
    /// The leader was heard so long ago: all leases count from then.
    Renew {
        age_ms: u64,
    },
    Read {
        request: u64,
        seq: u64,
        from: u64,
        max: u64,
    },
    /// Somebody wants to know of growing output, or nobody any more.
    Follow {
        seq: u64,
        on: bool,
    },
    List,
    /// Kills everything and ends the runner.
    Shutdown,
}

/// From the runner.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromRunner {
    /// Answers `Attach` and `List`, in pages.
    Held {
        page: Vec<HeldRun>,
        last: bool,
    },
    Started {
        seq: u64,
        process: Process,
    },
    /// The run is over. A small tail comes along; a larger one is there to be read.
    Ended {
        seq: u64,
        exit: Exit,
        tail: Option<Bytes>,
    },
    Grew {
        seq: u64,
        total: u64,
    },
    /// Answers `Read`; nothing if there is no such run, or its output cannot be read.
    Bytes {
        request: u64,
        piece: Option<PieceSent>,
    },
    /// The last message: another agent has come.
    Replaced,
}

/// What to start and how to watch it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Start {
    /// Names the run in all messages about it.
    pub seq: u64,
    pub argv: Vec<String>,
    /// Added to the runner's own environment; later ones win.
    pub env: Vec<(String, String)>,
    /// The runner's own directory if empty.
    pub cwd: String,
    pub user: Option<Credentials>,
    pub umask: Option<u32>,
    /// Written to standard input, which is then closed.
    pub stdin: Bytes,
    pub timeout_ms: Option<u64>,
    pub max_runtime_ms: Option<u64>,
    /// How long it may go on after the last renewal.
    pub lease_ms: Option<u64>,
    /// Between the request to end and the kill, if the runner ends it for one of the two above.
    pub grace_ms: u64,
    /// Resident bytes of the process tree.
    pub mem_limit: Option<u64>,
    /// Bytes of output kept.
    pub output_limit: u64,
    /// Given back with the run to whoever takes it up.
    pub note: Bytes,
}

/// A user by numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    /// All groups, the first one included.
    pub groups: Vec<u32>,
}

/// A process group, and when it was started by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub group: u32,
    pub start_time: u64,
    pub started_at: Instant,
}

/// Seconds and nanoseconds since the epoch.
pub type Instant = (i64, u32);

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    pub end: End,
    /// The process, if there was one.
    pub process: Option<Process>,
    pub timed_out: bool,
    pub max_runtime: bool,
    pub lease_over: bool,
    /// Bytes in use when the memory limit was found exceeded.
    pub memory_exceeded: Option<u64>,
    /// Others of the group outlived the process, held its output and were killed.
    pub left_over_killed: bool,
    /// A kill found nobody.
    pub kill_failed: bool,
    pub ended_at: Instant,
    /// Bytes written, and the offset of the first that is kept.
    pub written: u64,
    pub kept_from: u64,
}

/// The end of the process itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    NotStarted(String),
    Code(i32),
    Signal { number: i32, core_dumped: bool },
}

/// A run that the runner knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRun {
    pub seq: u64,
    pub process: Option<Process>,
    pub note: Bytes,
    pub exit: Option<Exit>,
    pub written: u64,
}

/// A part of an output, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceSent {
    pub start: u64,
    pub total: u64,
    pub done: bool,
    pub bytes: Bytes,
}

impl Exit {
    /// Of a run that never began, or whose process cannot be watched.
    #[must_use]
    pub fn not_started(text: String, ended_at: Instant) -> Self {
        Self {
            end: End::NotStarted(text),
            process: None,
            timed_out: false,
            max_runtime: false,
            lease_over: false,
            memory_exceeded: None,
            left_over_killed: false,
            kill_failed: false,
            ended_at,
            written: 0,
            kept_from: 0,
        }
    }
}
