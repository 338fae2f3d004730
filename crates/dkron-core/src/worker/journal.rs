//! What a node writes down about executions, so that it can answer for them after a restart.

use alloc::boxed::Box;

use crate::domain::{Finish, Seq, Timestamp};

/// One record. Later records of the same execution replace earlier ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JournalRecord {
    /// Written before anything is started, with any executor.
    Accepted { seq: Seq },
    /// Something runs.
    Started { seq: Seq, at: Timestamp, process: Option<Process> },
    /// The result, kept until its end and its output are acknowledged.
    Finished { seq: Seq, finish: Box<Finish> },
    /// Nobody will ask again.
    Forgotten { seq: Seq },
}

/// A process group, told from another of the same number by its start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Process {
    pub group: u32,
    /// In the kernel's ticks since boot.
    pub start_time: u64,
}

impl JournalRecord {
    pub fn seq(&self) -> Seq {
        match self {
            JournalRecord::Accepted { seq }
            | JournalRecord::Started { seq, .. }
            | JournalRecord::Finished { seq, .. }
            | JournalRecord::Forgotten { seq } => *seq,
        }
    }
}
