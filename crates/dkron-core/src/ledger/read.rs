//! Questions that the conductor and the shell ask. All are cheap: by key or by index.

use alloc::sync::Arc;
use core::time::Duration;

use super::outcome::JobSnapshot;
use super::recent::Recent;
use super::rollup::Series;
use super::state::{JobState, Ledger, LiveGroup, Lost, Office, Processing, Queued, Slot};
use crate::domain::{
    Concurrency, Drain, ExecutionId, Group, HistoryNo, Job, JobName, JobNo, LogIndex, NodeName,
    QueueNo, SchedulingPause, Seq, Settings, Tenure, Timestamp, Version,
};

/// Slots and children that are looked at for one that a pause still owes a decision.
const PAUSE_LOOKS: usize = 1024;

impl JobState {
    /// The job as a reply shows it.
    pub fn snapshot(&self) -> JobSnapshot {
        JobSnapshot {
            job_no: self.job_no,
            version: self.runtime.version,
            job: self.job.clone(),
            runtime: self.runtime.clone(),
        }
    }
}

impl Ledger {
    /// Index of the last applied entry.
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    pub fn office(&self) -> &Office {
        &self.office
    }

    pub fn tenure(&self) -> Tenure {
        self.office.tenure
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The longest lease that a node may hold that runs this execution and has told this leadership
    /// of none. For those from before it was lowered the former length counts.
    pub fn longest_lease(&self, seq: Seq) -> Duration {
        let agreed = self.settings.lost_after;
        let before = i128::from(seq.0) <= self.office.lowered_at.unix_nanos();
        if before { agreed.max(self.office.former_lost_after) } else { agreed }
    }

    /// The version that the whole cluster knows.
    pub fn version(&self) -> u32 {
        self.version.max(1)
    }

    /// The behaviour of `apply` that all servers know.
    pub fn rules(&self) -> u32 {
        self.office.rules
    }

    /// Nodes that take nothing new, by name.
    pub fn drains(&self) -> impl Iterator<Item = &Drain> {
        self.drains.values()
    }

    pub fn is_drained(&self, node: &NodeName) -> bool {
        self.drains.contains_key(node)
    }

    /// Pauses of scheduling, the oldest first.
    pub fn scheduling_pauses(&self) -> impl Iterator<Item = &SchedulingPause> {
        self.pauses.values()
    }

    /// The pause that stops what of a job falls due at that instant; of several the longest.
    pub fn stopped(&self, job: &Job, at: Timestamp) -> Option<&SchedulingPause> {
        let stops = self.pauses.values().filter(|pause| pause.stops(job, at));
        stops.max_by_key(|pause| (pause.until.is_none(), pause.until))
    }

    /// Whether something that fell due in a pause until then may be undecided. With so much of it
    /// that it can not be looked through it is asked again later; nothing else is stopped.
    pub fn may_owe(&self, pause: &SchedulingPause, until: Timestamp) -> bool {
        let due = self.due().take_while(|(due, _)| *due < until).map(|(_, job_no)| job_no);
        let owed = self.owed().filter(|(.., since)| *since < until).map(|(_, child, _)| child);
        for (looked, job_no) in due.chain(owed).enumerate() {
            let state = self.job_no(job_no);
            if looked == PAUSE_LOOKS || state.is_some_and(|state| pause.scope.covers(&state.job)) {
                return true;
            }
        }
        false
    }

    /// When the first pause of scheduling ends after that instant.
    pub fn pause_end_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let ends = self.pauses.values().filter_map(|pause| pause.until);
        ends.filter(|end| *end > instant).min()
    }

    /// Whether the cluster ever agreed on settings.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The job of that name.
    pub fn job(&self, name: &str) -> Option<&JobState> {
        self.derived.names.get(name).and_then(|no| self.jobs.get(no)).map(|state| &**state)
    }

    /// The job of that number; it may be deleted.
    pub fn job_no(&self, no: JobNo) -> Option<&JobState> {
        self.jobs.get(&no).map(|state| &**state)
    }

    pub fn jobs(&self) -> impl Iterator<Item = &JobState> {
        self.jobs.values().map(|state| &**state)
    }

    /// How many jobs there are, deleted ones with running executions included.
    pub fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// Children of a job, in name order.
    pub fn children(&self, parent: &str) -> impl Iterator<Item = &JobName> {
        self.derived.children.get(parent).into_iter().flatten()
    }

    /// Jobs by the instant at which their next slot is due, earliest first.
    pub fn due(&self) -> impl Iterator<Item = (Timestamp, JobNo)> + '_ {
        self.derived.due.iter().copied()
    }

    /// As `due`, those due after that instant.
    pub fn due_since(&self, instant: Timestamp) -> impl Iterator<Item = (Timestamp, JobNo)> + '_ {
        let beyond = (instant, JobNo(u64::MAX));
        self.derived.due.range(beyond..).copied().filter(move |(due, _)| *due > instant)
    }

    /// When the first slot after that instant is due.
    pub fn due_after(&self, instant: Timestamp) -> Option<Timestamp> {
        self.due_since(instant).map(|(due, _)| due).next()
    }

    /// The first owed retry after that instant.
    pub fn retry_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let beyond = (instant, Group(u64::MAX), Seq(u64::MAX));
        self.derived.retries.range(beyond..).map(|(at, ..)| *at).find(|at| *at > instant)
    }

    /// Owed retries, earliest first: when, in which group, after which attempt.
    pub fn retries(&self) -> impl Iterator<Item = (Timestamp, Group, Seq)> + '_ {
        self.derived.retries.iter().copied()
    }

    /// Owed starts of children: of which group, which child, since when.
    pub fn owed(&self) -> impl Iterator<Item = (Group, JobNo, Timestamp)> + '_ {
        self.owed.iter().map(|((group, child), at)| (*group, *child, *at))
    }

    /// Since when the child is owed a start by that group.
    pub fn owed_since(&self, parent: Group, child: JobNo) -> Option<Timestamp> {
        self.owed.get(&(parent, child)).copied()
    }

    pub fn processing(&self) -> impl Iterator<Item = &Processing> {
        self.processing.values()
    }

    /// The ended execution whose output waits for processors.
    pub fn processing_of(&self, seq: Seq) -> Option<&Processing> {
        self.processing.get(&seq)
    }

    /// Ranges of history rows to remove.
    pub fn expiring(&self) -> impl Iterator<Item = (JobNo, HistoryNo, HistoryNo)> + '_ {
        self.expiring.iter().map(|((job_no, first), end)| (*job_no, *first, *end))
    }

    /// Occurrences of a job that wait for their turn, the first in front.
    pub fn queue(&self, job_no: JobNo) -> impl Iterator<Item = (QueueNo, &Queued)> {
        let of_job = (job_no, QueueNo(0))..=(job_no, QueueNo(u64::MAX));
        self.queued.range(of_job).map(|((_, no), queued)| (*no, queued))
    }

    /// The occurrence that waits under that number.
    pub fn queued(&self, job_no: JobNo, no: QueueNo) -> Option<&Queued> {
        self.queued.get(&(job_no, no))
    }

    /// Whether an occurrence that is decided now would have to wait. One that replaces others does
    /// not wait for what waits: it takes its place.
    pub fn must_wait(&self, job_no: JobNo) -> bool {
        let Some(state) = self.jobs.get(&job_no) else { return false };
        let held = self.derived.holders.contains_key(&state.job.name);
        match state.job.concurrency {
            Concurrency::Allow | Concurrency::Forbid => false,
            Concurrency::Queue => held || self.queue(job_no).next().is_some(),
            Concurrency::Replace => held,
        }
    }

    /// Jobs whose name nobody holds while occurrences of them wait, from that one on and around.
    pub fn ready(&self, from: JobNo) -> impl Iterator<Item = JobNo> + '_ {
        let ready = &self.derived.ready;
        ready.range(from..).chain(ready.range(..from)).copied()
    }

    /// Waiting occurrences by the end of their patience, earliest first.
    pub fn queue_ends(&self) -> impl Iterator<Item = (Timestamp, JobNo, QueueNo)> + '_ {
        self.derived.queue_ends.iter().copied()
    }

    /// The first end of a wait after that instant.
    pub fn queue_end_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let beyond = (instant, JobNo(u64::MAX), QueueNo(u64::MAX));
        self.derived.queue_ends.range(beyond..).map(|(at, ..)| *at).find(|at| *at > instant)
    }

    /// Minutes of the cluster, under no name, and of nodes.
    pub fn series(&self) -> impl Iterator<Item = &Series> {
        self.series.values()
    }

    /// Which pointers of the time index there are.
    pub fn recent(&self) -> Recent {
        self.recent
    }

    /// Writes of users that were noted so far.
    pub fn activities(&self) -> u64 {
        self.activities
    }

    pub fn group(&self, group: Group) -> Option<&LiveGroup> {
        self.groups.get(&group)
    }

    pub fn groups(&self) -> impl Iterator<Item = &LiveGroup> {
        self.groups.values()
    }

    /// The live execution of that number.
    pub fn live(&self, seq: Seq) -> Option<(&LiveGroup, &Slot)> {
        let group = self.groups.get(self.derived.live.get(&seq)?)?;
        group.slots.iter().find(|slot| slot.seq == seq).map(|slot| (group, slot))
    }

    /// Live executions of a node, by number.
    pub fn live_on(&self, node: &str) -> impl Iterator<Item = Seq> + '_ {
        self.derived.by_node.get(node).into_iter().flatten().copied()
    }

    /// The highest number that was ever given to an execution or a turn.
    pub fn last_seq(&self) -> Seq {
        self.last_seq
    }

    /// Live executions that are not known to have begun, by number.
    pub fn pending(&self) -> impl Iterator<Item = Seq> + '_ {
        self.derived.pending.iter().copied()
    }

    /// Whether that execution was given up, and its result is still of interest.
    pub fn is_lost(&self, seq: Seq) -> bool {
        self.lost.contains_key(&seq)
    }

    /// Lost executions whose results may still come.
    pub fn lost(&self) -> impl Iterator<Item = (Seq, Lost)> + '_ {
        self.lost.iter().map(|(seq, lost)| (*seq, *lost))
    }

    /// Up to where a job has results that came late.
    pub fn newest_late(&self, job_no: JobNo) -> Option<HistoryNo> {
        self.lates.get(&job_no).copied()
    }

    /// How many live executions a node has.
    pub fn load_of(&self, node: &NodeName) -> usize {
        self.derived.by_node.get(node).map_or(0, |seqs| seqs.len())
    }

    /// Nodes that have live executions.
    pub fn nodes_with_live(&self) -> impl Iterator<Item = &NodeName> {
        self.derived.by_node.keys()
    }

    pub fn live_count(&self) -> usize {
        self.derived.live.len()
    }

    /// Groups that hold the slot of a name, whatever job number they run under.
    pub fn holders(&self, name: &str) -> impl Iterator<Item = Group> + '_ {
        self.derived.holders.get(name).into_iter().flatten().copied()
    }

    /// Who holds the slot of a name: the current attempt of the oldest live group.
    pub fn holder(&self, name: &str) -> Option<ExecutionId> {
        let oldest = self.derived.holders.get(name)?.first()?;
        let group = self.groups.get(oldest)?;
        let slot = group.slots.iter().find(|slot| slot.phase.is_live()).or(group.slots.first())?;
        Some(ExecutionId { seq: slot.seq, node: slot.target.node.clone() })
    }

    /// The definition of that version, if it is in force or still used.
    pub fn definition(&self, job_no: JobNo, version: Version) -> Option<&Arc<Job>> {
        let current = self.jobs.get(&job_no).filter(|state| state.runtime.version == version);
        current.map(|state| &state.job).or_else(|| self.pinned.get(&(job_no, version)))
    }
}
