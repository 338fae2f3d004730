//! What a leader and a node say to each other. On one node these are values over a channel; a
//! cluster puts a connection under them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::domain::{
    BootId, Cause, EndReason, ExecutionId, Finish, Group, Job, JobNo, JournalId, NodeName, Nominal,
    Seq, Tenure, Timestamp, Version,
};

/// Number of a session, unique within a tenure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SessionNo(pub u64);

/// Leader to node. `no` counts within the session: what was seen before is dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToNode {
    pub tenure: Tenure,
    pub session: SessionNo,
    pub no: u64,
    pub body: Order,
}

/// What the leader wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Answers a hello; the node states what it knows.
    Welcome {
        hello: u64,
        lost_after: Duration,
    },
    /// The session is not known (any more): say hello again.
    Refused {
        hello: u64,
    },
    Run(Box<Run>),
    /// It is live no more, as the leader sees it: it ends, unless its job lets it go on.
    Kill(Seq),
    /// End it because somebody wants so: its state is `cancelled`, whatever its process says. With
    /// the reason `NotStarted` it is recalled: it fails, unless it has begun; then it goes on.
    Cancel {
        seq: Seq,
        reason: EndReason,
    },
    /// The result is in the log.
    EndCommitted(Seq),
    /// The output is stored.
    OutputStored(Seq),
    /// Acknowledges a heartbeat that was sent at this reading of the node's clock.
    Beat {
        sent: Duration,
    },
}

/// Everything that a node needs to carry out one attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    pub seq: Seq,
    pub node: NodeName,
    pub job_no: JobNo,
    pub version: Version,
    pub job: Arc<Job>,
    pub group: Group,
    pub attempt: u32,
    pub cause: Cause,
    pub nominal: Nominal,
    /// Fencing token: grows with every leadership.
    pub fence: Tenure,
    /// Bytes of output kept: the tail.
    pub output_limit: u32,
}

impl Run {
    pub fn id(&self) -> ExecutionId {
        ExecutionId { seq: self.seq, node: self.node.clone() }
    }
}

/// Node to leader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToLeader {
    pub session: SessionNo,
    pub no: u64,
    pub body: News,
}

/// What a node has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    Hello(Hello),
    /// A page of what the node knows about executions.
    Stated(Vec<Statement>),
    /// That was all: the session is open.
    StatedAll,
    Started {
        seq: Seq,
        at: Timestamp,
    },
    Finished {
        seq: Seq,
        finish: Box<Finish>,
    },
    Beat {
        sent: Duration,
    },
}

/// Opens a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Counts the node's tries; the answer names it.
    pub hello: u64,
    pub node: NodeName,
    pub boot_id: BootId,
    pub journal_id: JournalId,
    /// Runs that the node takes at a time.
    pub capacity: u32,
    /// The newest cluster version that it knows.
    pub version: u32,
}

/// What a node knows about one execution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
    pub seq: Seq,
    pub known: Known,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    Running {
        started_at: Option<Timestamp>,
    },
    /// The result follows by itself.
    Finished,
    /// Accepted once, but nothing of it is left.
    Gone,
}
