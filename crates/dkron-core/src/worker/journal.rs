//! What a node writes down about executions, so that it can answer for them after a restart.

use alloc::boxed::Box;

use super::terms::Terms;
use crate::domain::{EndReason, Finish, Seq, Timestamp};

/// One record. Later records of the same execution replace earlier ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JournalRecord {
    /// Written before anything is started, with any executor.
    Accepted { seq: Seq, terms: Terms },
    /// Something runs that may outlive the agent.
    Started { seq: Seq, at: Timestamp, process: Option<Process> },
    /// The result, kept until its end and its output are acknowledged.
    Finished { seq: Seq, finish: Box<Finish> },
    /// Nobody will ask again.
    Forgotten { seq: Seq },
    /// The node ends it: this is the reason of its end, whatever its executor says.
    Ending { seq: Seq, reason: EndReason },
}

/// A process group, told from another of the same number by its start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Process {
    pub group: u32,
    /// In the kernel's ticks since boot.
    pub start_time: u64,
}

/// An execution that the process runner still holds for an earlier life of the agent: it runs, or
/// its end waits to be fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Survivor {
    pub seq: Seq,
    pub started_at: Timestamp,
    pub process: Option<Process>,
}

impl JournalRecord {
    pub fn seq(&self) -> Seq {
        match self {
            JournalRecord::Accepted { seq, .. }
            | JournalRecord::Started { seq, .. }
            | JournalRecord::Finished { seq, .. }
            | JournalRecord::Forgotten { seq }
            | JournalRecord::Ending { seq, .. } => *seq,
        }
    }
}
