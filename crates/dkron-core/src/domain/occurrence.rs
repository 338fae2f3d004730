//! One due moment of a job and why it is due.

use alloc::string::String;
use alloc::sync::Arc;

use super::{ByHand, Group, Job, JobNo, NodeName, RequestId, Timestamp};

/// When an occurrence was due, whenever it ran.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Nominal(pub Timestamp);

/// Why an occurrence exists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// The schedule; the only cause that a job's high-water mark guards.
    Schedule,
    /// Somebody asked for it.
    Manual(RequestId),
    /// A group of the parent succeeded.
    Child(Group),
    /// Somebody asked for it, in another way than the definition says.
    ByHand(Arc<ByHand>),
}

impl Cause {
    /// Whether somebody asked for it.
    pub const fn is_by_hand(&self) -> bool {
        matches!(self, Cause::Manual(_) | Cause::ByHand(_))
    }

    /// What is different about the run.
    pub fn by_hand(&self) -> Option<&ByHand> {
        match self {
            Cause::ByHand(by_hand) => Some(by_hand),
            _ => None,
        }
    }

    /// The job as a run with this cause has it.
    pub fn job(&self, job: &Arc<Job>) -> Arc<Job> {
        self.by_hand().map_or_else(|| Arc::clone(job), |by_hand| by_hand.of(job))
    }
}

/// A skipped slot's reason; the words stand in the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SkipReason {
    /// An earlier occurrence still holds the job's slot.
    Overlap,
    /// Too late: the server was down, stalled or without a leader.
    Missed,
    /// No member of the cluster matches the job's tags.
    NoEligibleNode,
    /// The nodes had no room until the start deadline.
    NoCapacity,
    /// Before `starts_at`.
    NotStarted,
    /// After `expires_at`.
    Expired,
    /// A dependent job that is disabled.
    Disabled,
    /// A change, disabling, deletion or restore came before the slot was decided.
    Changed,
    /// As many occurrences as may wait were waiting already.
    QueueFull,
    /// It waited behind earlier ones until the start deadline.
    QueueTimeout,
    /// It waited, and a later occurrence took its place.
    Replaced,
    /// It waited, and somebody cancelled it.
    Cancelled,
    /// Somebody had stopped scheduling for its job.
    Paused,
}

impl SkipReason {
    pub const fn word(self) -> &'static str {
        match self {
            SkipReason::Overlap => "overlap",
            SkipReason::Missed => "missed",
            SkipReason::NoEligibleNode => "no_eligible_node",
            SkipReason::NoCapacity => "no_capacity",
            SkipReason::NotStarted => "not_started",
            SkipReason::Expired => "expired",
            SkipReason::Disabled => "disabled",
            SkipReason::Changed => "changed",
            SkipReason::QueueFull => "queue_full",
            SkipReason::QueueTimeout => "queue_timeout",
            SkipReason::Replaced => "replaced",
            SkipReason::Cancelled => "cancelled",
            SkipReason::Paused => "paused",
        }
    }
}

/// Slots that did not run: a run of equal ones is one record.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Skipped {
    pub first: Nominal,
    pub last: Nominal,
    pub count: u64,
    pub reason: SkipReason,
    /// For a person: which execution was in the way, which tags found nobody.
    pub detail: String,
}

/// The key of an occurrence, for messages.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Occurrence {
    pub job_no: JobNo,
    pub cause: Cause,
    pub nominal: Nominal,
}

/// Where one attempt of an occurrence is to run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Target {
    pub node: NodeName,
    pub boot_id: super::BootId,
    pub journal_id: super::JournalId,
}
