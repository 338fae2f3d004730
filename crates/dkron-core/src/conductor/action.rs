//! What a conductor wants done.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::input::Ticket;
use crate::domain::{
    ExecutionId, Group, Job, JobName, JobNo, LogIndex, NodeName, PauseNo, Record, Tenure,
    Timestamp, Version,
};
use crate::ledger::{Command, JobSnapshot, Rejection};
use crate::worker::ToNode;

/// Something that the shell must do. None of it may be done before the inputs that caused it
/// were applied; order matters within one node's messages only.
#[derive(Clone, Debug)]
pub enum Action {
    /// Put this into the log; the answer is `Input::Resolved`.
    Propose {
        ticket: Ticket,
        at: Timestamp,
        tenure: Tenure,
        command: Box<Command>,
    },
    Send {
        node: NodeName,
        message: Box<ToNode>,
    },
    /// Run the job's processors over the record's output; the answer is `Input::Processed`.
    Process {
        record: Arc<Record>,
        job: Arc<Job>,
    },
    /// Answer a request.
    Answer {
        ticket: Ticket,
        answer: Result<Answer, Refusal>,
    },
    /// Send `Input::Alarm` when the monotonic clock shows this, at the latest.
    Wake(Duration),
    /// Hand leadership over to that server: this one's clock is wrong. No lease is extended and no
    /// slot decided meanwhile; it comes again, with another name, if nothing follows.
    HandOver {
        to: NodeName,
    },
    /// Tell the operator.
    Note(Note),
}

/// A request that was carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Done,
    Job(Box<JobSnapshot>),
    Ran {
        job: Box<JobSnapshot>,
        group: Group,
        executions: Vec<ExecutionId>,
    },
    /// It runs when its turn comes.
    Queued {
        job: Box<JobSnapshot>,
    },
    /// Scheduling is paused under that number.
    SchedulingPaused(PauseNo),
    /// So many pauses of scheduling ended.
    Resumed(u32),
    /// The client asked for the same before, and that entry carried it: its first answer.
    Again {
        index: LogIndex,
        answer: Box<Answer>,
    },
    /// These will end; so many retries and waiting occurrences ended with it.
    Cancelling {
        executions: Vec<ExecutionId>,
        retries: u32,
        queued: u32,
    },
}

/// A request that was not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The definition is wrong; the text names the field.
    Invalid(String),
    Rejected(Rejection),
    /// The client asked for something else under the same key.
    KeyReused,
    /// The client asked for the same before, and was shown this version of a job that is not kept
    /// here any more.
    Past {
        index: LogIndex,
        job_no: JobNo,
        version: Version,
    },
    /// The cluster does not know it yet; the text says what to do.
    Unready(String),
    /// A demand does not hold: the job has this version, or is not there.
    Unmet(Option<Version>),
    NoEligibleNode(JobName),
    NoCapacity(JobName),
    /// A queue is full; nothing was done.
    Busy,
    /// Nothing was done.
    NoLeader,
    /// It may or may not have been done.
    Unknown,
}

/// Events that a log should show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    InOffice(Tenure),
    /// The wall clock was set by this many milliseconds (negative: back).
    ClockStep {
        millis: i64,
    },
    /// A node's session opened.
    SessionOpen(NodeName),
    /// A node's session ended.
    SessionLost(NodeName),
    /// A stored job's schedule does not parse here: it has no slots until it is changed.
    BadSchedule(JobName),
    /// No majority of servers could be asked for the time since this one took office; it goes on.
    ClocksUnknown,
    /// A majority of servers agree on a time that is not this one's, which is ahead of it by so
    /// many milliseconds (negative: behind). It decides nothing and hands over.
    ClockWrong {
        millis: i64,
    },
    /// That server's clock differs from this one's by so many milliseconds (negative: it is
    /// behind), and no majority says that this one is wrong; it goes on.
    ClocksApart {
        node: NodeName,
        millis: i64,
    },
    /// The node knows an older version only than the cluster: it gets no session.
    NodeTooOld {
        node: NodeName,
        version: u32,
    },
    /// The whole cluster knows this version now; none of it can go back.
    Raised(u32),
}
