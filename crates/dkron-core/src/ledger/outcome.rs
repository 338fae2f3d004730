//! What `apply` answers: a reply for the proposer, rows for every replica's store, effects for
//! the leader.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::keyed::Again;
use super::row::{Row, RowKey};
use super::state::Runtime;
use crate::domain::{
    ExecutionId, Group, HistoryNo, Job, JobName, JobNo, PauseNo, QueueNo, Seq, Tenure, Timestamp,
    Version,
};

/// Everything that applying one entry causes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub reply: Reply,
    pub rows: Vec<RowOp>,
    pub effects: Vec<Effect>,
}

/// A change of the store. Replaying it is harmless.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowOp {
    /// The key may have been stored before.
    Put(Row),
    /// The key was never stored before.
    PutNew(Row),
    Delete(RowKey),
}

/// The answer to the proposer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Done,
    /// `TakeOffice` was applied.
    InOffice(Tenure),
    /// The job as it is stored now, or as it was when it was deleted.
    Job(Box<JobSnapshot>),
    /// One answer for each fire.
    Fired(Vec<Fired>),
    /// What `Cancel` met: executions that will end, and how many retries and waiting occurrences
    /// ended with it.
    Cancelling {
        executions: Vec<ExecutionId>,
        retries: u32,
        queued: u32,
    },
    /// Scheduling is paused under that number.
    SchedulingPaused(PauseNo),
    /// So many pauses of scheduling ended.
    Resumed(u32),
    /// The request was applied before.
    Repeated,
    /// The client asked for the same before: its first answer.
    Again(Box<Again>),
    /// A conductor's command of a leadership that is over.
    Deposed,
    Rejected(Rejection),
}

/// A job at the moment of a reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobSnapshot {
    pub job_no: JobNo,
    pub version: Version,
    pub job: Arc<Job>,
    pub runtime: Runtime,
}

/// What became of one fire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fired {
    /// The group's executions, in the order of the targets.
    Run {
        group: Group,
        seqs: Vec<Seq>,
    },
    /// A skipped record was written.
    Skipped,
    /// It waits for its turn.
    Queued(QueueNo),
    /// Decided before, or by a definition that is gone; or it must be placed anew.
    Void,
    Rejected(Rejection),
}

/// A request that the state does not allow, by precedence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rejection {
    Paused,
    JobNotFound(JobName),
    ParentNotFound(JobName),
    Cycle(JobName),
    HasDependents(Vec<JobName>),
    /// A `forbid` job's slot is held by this execution.
    Overlap(ExecutionId),
    /// The job changed since the command was computed: compute it again.
    Stale,
    /// Nothing of that number runs or waits for a further attempt.
    NotLive(Seq),
    /// As many occurrences as may wait, this many, are waiting already.
    QueueFull(u32),
    /// The client asked for something else under the same key.
    KeyReused,
    /// As many nodes as may be drained at a time, this many, are drained already.
    TooManyDrains(u32),
    /// As many pauses of scheduling as there may be, this many, are there already.
    TooManyPauses(u32),
    /// There is no pause of scheduling of that number.
    PauseNotFound(PauseNo),
}

/// Something that the leader owes the world. A hint: `outstanding` knows all of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Send the execution to its node.
    Start(Seq),
    /// Fire the next attempt at this instant.
    Retry { at: Timestamp, group: Group, failed: Seq },
    /// Fire the child for the parent's group.
    Child { parent: Group, child: JobNo },
    /// Run the job's processors over the execution's output.
    Process(Seq),
    /// Propose removal of these history rows.
    Expire { job_no: JobNo, first: HistoryNo, end: HistoryNo },
    /// Tell the execution's node to end it.
    Cancel(Seq),
    /// The job's slot is free and occurrences of it wait: fire the first.
    Dequeue(JobNo),
}
