//! The messages between agent and runner. Both come from one build as long as the runner dies with
//! its agent; the version in the greeting is for the day when it does not.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::output::StartedProcess;

/// Raised with every change of a message.
pub const VERSION: u16 = 1;

/// To the runner.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToRunner {
    /// The first message.
    Hello {
        version: u16,
    },
    Start(Box<Start>),
    /// Asks the group to end, and kills it after the grace.
    Kill {
        id: String,
        grace_ms: u64,
    },
    List,
    /// Kills everything and ends the runner.
    Shutdown,
}

/// From the runner.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromRunner {
    /// The first message.
    Hello {
        version: u16,
        pid: u32,
    },
    Started {
        id: String,
        process: StartedProcess,
    },
    /// Output since the last message; `dropped` bytes before it are lost.
    Output {
        id: String,
        dropped: u64,
        bytes: Bytes,
    },
    /// The last message about a run.
    Exited {
        id: String,
        exit: Exit,
    },
    Listed(Vec<Listed>),
}

/// What to start and how to watch it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Start {
    /// Names the run in all messages about it.
    pub id: String,
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
    /// Resident bytes of the process tree.
    pub mem_limit: Option<u64>,
    /// Bytes of output kept.
    pub output_limit: u32,
}

/// A user by numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    /// All groups, the first one included.
    pub groups: Vec<u32>,
}

/// How a run ended, and its output since the last message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    pub end: End,
    pub timed_out: bool,
    /// Bytes in use when the memory limit was found exceeded.
    pub memory_exceeded: Option<u64>,
    /// Others of the group outlived the process, held its output and were killed.
    pub left_over_killed: bool,
    /// A kill found nobody.
    pub kill_failed: bool,
    pub dropped: u64,
    pub bytes: Bytes,
}

/// The end of the process itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    NotStarted(String),
    Code(i32),
    Signal { number: i32, core_dumped: bool },
}

/// A run that is going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub id: String,
    pub process: StartedProcess,
}
