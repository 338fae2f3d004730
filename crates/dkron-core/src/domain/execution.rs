//! One attempt on one node: its states, its result, and the record that history keeps.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Cause, Group, JobName, JobNo, NodeName, Nominal, Seq, Timestamp, Version};

/// Where an execution stands. Terminal states never change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum State {
    /// Committed, not known to have started.
    #[default]
    Pending,
    Running,
    /// Its node is silent.
    Unreachable,
    Success,
    Failed,
    TimedOut,
    Cancelled,
    /// What became of it can not be known.
    Lost,
}

impl State {
    pub const ALL: [State; 8] = [
        State::Pending,
        State::Running,
        State::Unreachable,
        State::Success,
        State::Failed,
        State::TimedOut,
        State::Cancelled,
        State::Lost,
    ];

    pub const fn is_terminal(self) -> bool {
        !matches!(self, State::Pending | State::Running | State::Unreachable)
    }

    pub const fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::Unreachable => "unreachable",
            State::Success => "success",
            State::Failed => "failed",
            State::TimedOut => "timed_out",
            State::Cancelled => "cancelled",
            State::Lost => "lost",
        }
    }
}

/// Why an execution ended as it did, where its output does not say it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum EndReason {
    /// The executor's own verdict.
    #[default]
    None,
    /// The node was a member without a session when the slot was due.
    NodeUnreachable,
    /// Its node did not accept it in time.
    NotStarted,
    /// No node has the executor that the job names.
    NoExecutor,
    /// The node knows that it accepted the run and that it is gone.
    Gone,
    /// The node came back without memory of it.
    Forgotten,
    /// The node was silent for too long.
    Silent,
    /// It ran longer than the job's `max_runtime`.
    MaxRuntime,
    /// Its node heard no leader for too long and ended it.
    Fenced,
    /// Somebody cancelled it; the record says who.
    Cancelled,
    /// A later occurrence of its job took its place.
    Replaced,
    /// Its node was told to leave and ended it.
    NodeLeft,
}

impl EndReason {
    pub const fn word(self) -> &'static str {
        match self {
            EndReason::None => "",
            EndReason::NodeUnreachable => "node_unreachable",
            EndReason::NotStarted => "not_started",
            EndReason::NoExecutor => "no_executor",
            EndReason::Gone => "gone",
            EndReason::Forgotten => "forgotten",
            EndReason::Silent => "silent",
            EndReason::MaxRuntime => "max_runtime",
            EndReason::Fenced => "fenced",
            EndReason::Cancelled => "cancelled",
            EndReason::Replaced => "replaced",
            EndReason::NodeLeft => "node_left",
        }
    }
}

/// blake3 of an output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Digest(pub [u8; 32]);

/// What a run wrote, or where that is kept.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Output {
    #[default]
    Empty,
    /// At most `limits::INLINE_OUTPUT` bytes.
    Inline(Arc<[u8]>),
    /// In the blob store.
    Stored { digest: Digest, len: u64 },
}

/// How a node says that an attempt ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Finish {
    pub state: State,
    pub reason: EndReason,
    pub started_at: Option<Timestamp>,
    pub finished_at: Timestamp,
    pub exit_code: Option<i32>,
    pub output: Output,
    /// Bytes of output that did not fit.
    pub dropped: u64,
    /// Bytes at the beginning of `output` that the run did not write: the text of an error, and a
    /// marker for what was dropped. Behind them stands the byte with the offset `dropped`.
    pub head: u32,
}

/// Who wanted a run to end, when and why.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Cancellation {
    pub at: Timestamp,
    /// A person or a part of the scheduler; at most `limits::DETAIL_BYTES`.
    pub by: String,
    pub reason: String,
}

impl Cancellation {
    /// Who cancels what a later occurrence replaces; nobody else goes by this name.
    pub const SCHEDULER: &'static str = "scheduler";

    /// Whether a later occurrence is the cause, not a person.
    pub fn is_replacement(&self) -> bool {
        self.by == Cancellation::SCHEDULER
    }
}

/// A finished execution as history keeps it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    pub seq: Seq,
    pub job_no: JobNo,
    pub job_name: JobName,
    pub version: Version,
    pub node: NodeName,
    pub group: Group,
    pub attempt: u32,
    pub cause: Cause,
    pub nominal: Nominal,
    /// When the fire was decided, by the leader's clock.
    pub fired_at: Timestamp,
    pub finish: Finish,
    pub cancel: Option<Arc<Cancellation>>,
}

/// A result that came after its execution was given up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Late {
    pub seq: Seq,
    /// When it came, by the clock of who proposed it.
    pub at: Timestamp,
    /// An output that does not fit into a report is not kept.
    pub finish: Finish,
}

/// Replacement of an output by processors.
pub type Replacement = Option<Vec<u8>>;
