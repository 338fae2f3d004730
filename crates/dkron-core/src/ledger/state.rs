//! The replicated truth in memory: the working set, and indexes derived from it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::keyed::Keyed;
use super::recent::Recent;
use super::rollup::{Rollup, Series};
use super::versions::Gone;
use crate::domain::{
    BootId, Cancellation, Cause, Drain, Group, HistoryNo, Jitter, Job, JobName, JobNo, LogIndex,
    NodeName, Nominal, PauseNo, QueueNo, Record, RequestId, SchedulingPause, Seq, Settings, SkipNo,
    Skipped, Status, Target, Tenure, Timestamp, Version,
};

/// The running leadership.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Office {
    pub tenure: Tenure,
    pub server: NodeName,
    pub boot_id: BootId,
    pub at: Timestamp,
    /// What next slots were computed with; empty = in doubt, the cluster's zone changed since.
    pub zone_data: String,
    pub rules: u32,
    /// The cluster's `lost_after` before it was lowered last: a node that was not heard since may
    /// still hold a lease of that length.
    pub former_lost_after: Duration,
    /// The instant in the number of the last execution until then; numbers never go back, as
    /// clocks do.
    pub lowered_at: Timestamp,
}

/// What happened to a job so far. Firing rewrites this, never the definition.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Runtime {
    /// The definition in force.
    pub version: Version,
    pub success_count: u64,
    pub error_count: u64,
    pub last_success: Option<Timestamp>,
    pub last_error: Option<Timestamp>,
    pub status: Status,
    /// Start of the account: no slot before it is owed.
    pub since: Timestamp,
    /// Phase of `@every`.
    pub anchor: Timestamp,
    /// The latest decided slot. An account opens behind it, except for an `@at` that is past.
    pub mark: Option<Nominal>,
    /// The next slot to decide.
    pub next: Option<Nominal>,
    /// History rows of the job are `first_no..next_no`.
    pub first_no: HistoryNo,
    pub next_no: HistoryNo,
    /// Skipped rows of the job are `first_skip..next_skip`; the newest may still grow.
    pub first_skip: SkipNo,
    pub next_skip: SkipNo,
    pub last_skipped: Option<Box<Skipped>>,
    /// Figures of this hour and day. Shared with the rows on their way to the store.
    pub rollup: Option<Arc<Rollup>>,
    /// Deleted, but executions of it still run.
    pub deleted: bool,
    /// Ephemeral and successful: goes as soon as its outputs are processed.
    pub leaving: bool,
}

/// One job of the working set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct JobState {
    pub job_no: JobNo,
    pub job: Arc<Job>,
    pub runtime: Runtime,
    /// Live groups and unprocessed outputs by the definition that they use.
    pub(super) pins: BTreeMap<Version, u32>,
}

impl JobState {
    /// Whether its schedule makes it due: children, disabled and leaving jobs have no slots.
    pub fn is_scheduled(&self) -> bool {
        let job = &self.job;
        let gone = self.runtime.deleted || self.runtime.leaving;
        !gone && !job.disabled && job.parent_job.is_none()
    }

    /// When its next slot is due.
    pub fn due(&self) -> Option<Timestamp> {
        let next = self.runtime.next.filter(|_| self.is_scheduled())?;
        Some(self.jitter().due(next))
    }

    /// The delays of its slots.
    pub fn jitter(&self) -> Jitter {
        Jitter::new(self.job_no, self.job.policy().jitter)
    }
}

/// An occurrence that is being carried out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LiveGroup {
    pub group: Group,
    pub job_no: JobNo,
    pub version: Version,
    pub cause: Cause,
    pub nominal: Nominal,
    pub fired_at: Timestamp,
    /// The leadership that proposed the fire.
    pub tenure: Tenure,
    pub slots: Vec<Slot>,
}

/// The share of one target in a group: its current attempt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Slot {
    pub target: Target,
    pub seq: Seq,
    pub attempt: u32,
    /// When this attempt was fired, and by which leadership.
    pub fired_at: Timestamp,
    pub tenure: Tenure,
    pub phase: Phase,
    /// Its execution is to end, and there is no further attempt.
    pub cancel: Option<Arc<Cancellation>>,
}

/// Where a slot's current attempt stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    Pending,
    Running {
        started_at: Timestamp,
    },
    /// It failed; the next attempt is owed.
    Waiting {
        retry_at: Timestamp,
    },
    /// Its last attempt is terminal.
    Done {
        success: bool,
    },
}

impl Phase {
    /// An execution is out there.
    pub const fn is_live(self) -> bool {
        matches!(self, Phase::Pending | Phase::Running { .. })
    }
}

/// An occurrence that waits until those before it are over.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Queued {
    pub cause: Cause,
    pub nominal: Nominal,
    /// When it was decided that it waits.
    pub since: Timestamp,
    /// When it stops waiting.
    pub until: Timestamp,
}

/// An execution that was given up, and whose result may still come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lost {
    pub job_no: JobNo,
    /// Where its record stands in the history.
    pub no: HistoryNo,
    /// When it was given up, by the clock of who proposed it.
    pub at: Timestamp,
}

/// An ended execution whose output waits for its processors.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Processing {
    /// Where its record stands in the history; `None` = the job was deleted.
    pub no: HistoryNo,
    pub record: Arc<Record>,
}

/// The replicated state machine. `apply` (in `ledger/apply`) is the only way to change it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(super) applied: LogIndex,
    pub(super) office: Office,
    pub(super) settings: Settings,
    /// Whether `PutSettings` was ever applied.
    pub(super) settled: bool,
    pub(super) paused: bool,
    pub(super) last_seq: Seq,
    /// Boxed: a tree that grows at its end is half empty, and these are large.
    pub(super) jobs: BTreeMap<JobNo, Box<JobState>>,
    pub(super) groups: BTreeMap<Group, LiveGroup>,
    pub(super) owed: BTreeMap<(Group, JobNo), Timestamp>,
    pub(super) processing: BTreeMap<Seq, Processing>,
    pub(super) queued: BTreeMap<(JobNo, QueueNo), Queued>,
    pub(super) expiring: BTreeMap<(JobNo, HistoryNo), HistoryNo>,
    pub(super) requests: VecDeque<(LogIndex, RequestId)>,
    /// Minutes of the cluster, under no name, and of nodes.
    pub(super) series: BTreeMap<NodeName, Series>,
    pub(super) recent: Recent,
    pub(super) lost: BTreeMap<Seq, Lost>,
    /// Jobs with results that came late, and their newest execution that has one.
    pub(super) lates: BTreeMap<JobNo, HistoryNo>,
    /// What the whole cluster knows; 0 = it was never agreed on, which is 1.
    pub(super) version: u32,
    /// Nodes that take nothing new.
    pub(super) drains: BTreeMap<NodeName, Drain>,
    /// What keeps jobs from starting by themselves.
    pub(super) pauses: BTreeMap<PauseNo, SchedulingPause>,
    /// Requests that their clients gave a name, by the entry that carried them.
    pub(super) keyed: BTreeMap<LogIndex, Keyed>,
    /// Jobs that were created behind this entry have rows of all their versions.
    pub(super) versions_since: LogIndex,
    /// Sizes of the versions that are kept of a job, the newest last; of one that was never changed
    /// there is one.
    pub(super) kept: BTreeMap<JobNo, Vec<u32>>,
    /// Jobs that were deleted, by the entry that did it.
    pub(super) gone: BTreeMap<LogIndex, Gone>,
    /// Writes of users that were noted.
    pub(super) activities: u64,
    /// Definitions that are not in force but still used.
    pub(super) pinned: BTreeMap<(JobNo, Version), Arc<Job>>,
    pub(super) derived: Derived,
}

/// Indexes that follow from the state above; rebuilt by `load`, never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Derived {
    pub names: BTreeMap<JobName, JobNo>,
    pub children: BTreeMap<JobName, BTreeSet<JobName>>,
    /// Jobs by the instant at which their next slot is due.
    pub due: BTreeSet<(Timestamp, JobNo)>,
    /// Live executions, and the groups that they belong to.
    pub live: BTreeMap<Seq, Group>,
    pub by_node: BTreeMap<NodeName, BTreeSet<Seq>>,
    /// Live executions that are not known to have begun.
    pub pending: BTreeSet<Seq>,
    /// Lost executions by the instant of their loss.
    pub lost_order: BTreeSet<(Timestamp, Seq)>,
    /// Groups that hold the slot of a name, whatever job number they run under.
    pub holders: BTreeMap<JobName, BTreeSet<Group>>,
    pub retries: BTreeSet<(Timestamp, Group, Seq)>,
    pub known_requests: BTreeSet<RequestId>,
    /// Named requests by the digest of their names.
    pub keys: BTreeMap<[u8; 16], LogIndex>,
    /// Deleted jobs, the last of each name.
    pub gone_names: BTreeMap<JobName, LogIndex>,
    /// Jobs whose name nobody holds while occurrences of them wait.
    pub ready: BTreeSet<JobNo>,
    /// Waiting occurrences by the end of their patience.
    pub queue_ends: BTreeSet<(Timestamp, JobNo, QueueNo)>,
    /// Owed starts and unprocessed outputs by their job.
    pub owed_to: BTreeSet<(JobNo, Group)>,
    pub processing_of: BTreeSet<(JobNo, Seq)>,
}
