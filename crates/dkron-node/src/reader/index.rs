//! The job index: one compact row a job, kept in step with the ledger by its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dkron_core::domain::{
    Drain, Group, Job, JobName, JobNo, LogIndex, SchedulingPause, Seq, Settings, Tenure, Timestamp,
    Version,
};
use dkron_core::ledger::{
    Gone, JobSnapshot, Ledger, LiveGroup, Recent, Row, RowKey, RowOp, Runtime,
};

use super::around::Around;
use super::live::Waiters;
use super::table::{JobRow, Table};
use crate::service::{JobView, Member};

/// Everything that questions are answered from, but for what only the store holds.
pub struct Index {
    pub around: Around,
    pub office: Option<Tenure>,
    /// Of the leadership that took office last, as the log has it.
    pub tenure: Tenure,
    pub paused: bool,
    pub zone: String,
    /// Once the cluster has agreed on them.
    pub settings: Option<Settings>,
    /// Nodes that are given no runs.
    pub drains: Vec<Drain>,
    /// What keeps jobs from starting by themselves.
    pub pauses: Vec<SchedulingPause>,
    pub(super) table: Table,
    children: BTreeMap<JobName, BTreeSet<JobName>>,
    pub(super) groups: BTreeMap<Group, LiveGroup>,
    pub(super) groups_of: BTreeMap<JobNo, BTreeSet<Group>>,
    /// Live executions and their groups.
    pub(super) live: BTreeMap<Seq, Group>,
    /// Starts that the log does not know (yet).
    pub(super) started: BTreeMap<Seq, Timestamp>,
    /// Which pointers to ends there are.
    pub(super) recent: Recent,
    /// Deleted jobs that can be brought back, by the entry that deleted them.
    pub(super) gone: BTreeMap<LogIndex, Gone>,
    /// Writes of users that were noted.
    pub(super) activities: u64,
    pub(super) waiters: Waiters,
}

impl Index {
    /// From the ledger, at start and after a snapshot.
    pub fn new(ledger: &Ledger, around: Around) -> Self {
        let mut index = Index {
            around,
            office: None,
            tenure: ledger.tenure(),
            paused: ledger.is_paused(),
            zone: ledger.settings().zone.clone(),
            settings: ledger.is_settled().then(|| ledger.settings().clone()),
            drains: ledger.drains().cloned().collect(),
            pauses: ledger.scheduling_pauses().cloned().collect(),
            table: Table::default(),
            children: BTreeMap::new(),
            groups: BTreeMap::new(),
            groups_of: BTreeMap::new(),
            live: BTreeMap::new(),
            started: BTreeMap::new(),
            recent: ledger.recent(),
            gone: ledger.gone().map(|(index, gone)| (index, gone.clone())).collect(),
            activities: ledger.activities(),
            waiters: Waiters::default(),
        };
        for state in ledger.jobs() {
            index.define(state.job_no, state.runtime.version, state.job.clone());
            index.put_runtime(state.job_no, &state.runtime);
        }
        index.table.settle_all();
        for group in ledger.groups() {
            index.put_group(group.clone());
        }
        index
    }

    /// Those that nobody has ended.
    pub fn scheduling_pauses(&self) -> Vec<SchedulingPause> {
        self.pauses.iter().filter(|pause| !pause.resumed).cloned().collect()
    }

    /// Begins anew with what was installed. Those who wait for a run go on waiting.
    pub fn replace(&mut self, installed: Index) {
        let waiters = std::mem::take(&mut self.waiters);
        *self = Index { waiters, ..installed };
        let groups = &self.groups;
        self.waiters.ended_but(|group| groups.contains_key(&group));
    }

    pub fn apply(&mut self, change: RowOp) {
        match change {
            RowOp::Put(row) | RowOp::PutNew(row) => self.put(row),
            RowOp::Delete(RowKey::Runtime(job_no)) => {
                self.forget_child(job_no);
                self.table.remove(job_no);
            }
            RowOp::Delete(RowKey::Gone(index)) => drop(self.gone.remove(&index)),
            RowOp::Delete(RowKey::Group(group)) => self.drop_group(group),
            RowOp::Delete(_) => {}
        }
    }

    fn put(&mut self, row: Row) {
        match row {
            Row::Settings(settings) => {
                self.zone.clone_from(&settings.zone);
                self.settings = Some(settings);
            }
            Row::Paused(paused) => self.paused = paused,
            Row::Office(office) => self.tenure = office.tenure,
            Row::Drains(drains) => self.drains = drains,
            Row::SchedulingPauses(pauses) => self.pauses = pauses,
            Row::Definition { job_no, version, job } => self.define(job_no, version, job),
            Row::Runtime { job_no, runtime } => self.put_runtime(job_no, &runtime),
            Row::Group(group) => self.put_group(group),
            Row::Gone { index, gone } => drop(self.gone.insert(index, gone)),
            Row::Activities(next) => self.activities = next,
            Row::Recent(recent) => self.recent = recent,
            _ => {}
        }
    }

    fn define(&mut self, job_no: JobNo, version: Version, job: Arc<Job>) {
        self.forget_child(job_no);
        if let Some(parent) = &job.parent_job {
            self.children.entry(parent.clone()).or_default().insert(job.name.clone());
        }
        self.table.define(job_no, version, job);
    }

    fn put_runtime(&mut self, job_no: JobNo, runtime: &Runtime) {
        if runtime.deleted {
            self.forget_child(job_no);
        }
        self.table.put_runtime(job_no, runtime);
    }

    /// The job is nobody's child any more, unless its name is another job's by now.
    fn forget_child(&mut self, job_no: JobNo) {
        let Some(row) = self.table.get(job_no) else { return };
        let is_own = self.job_no(&row.job.name) == Some(job_no);
        if let Some(parent) = row.job.parent_job.as_ref().filter(|_| is_own)
            && let Some(children) = self.children.get_mut(parent)
        {
            children.remove(&row.job.name);
            if children.is_empty() {
                self.children.remove(parent);
            }
        }
    }

    fn put_group(&mut self, group: LiveGroup) {
        if let Some(old) = self.groups.remove(&group.group) {
            self.forget_slots(&old);
            let goes_on = |seq| group.slots.iter().any(|now| now.seq == seq && now.phase.is_live());
            for slot in old.slots.iter().filter(|slot| !goes_on(slot.seq)) {
                self.started.remove(&slot.seq);
            }
        }
        let live = group.slots.iter().filter(|slot| slot.phase.is_live());
        self.live.extend(live.map(|slot| (slot.seq, group.group)));
        self.groups_of.entry(group.job_no).or_default().insert(group.group);
        self.groups.insert(group.group, group);
    }

    fn drop_group(&mut self, group: Group) {
        if let Some(old) = self.groups.remove(&group) {
            self.forget_slots(&old);
            for slot in &old.slots {
                self.started.remove(&slot.seq);
            }
            if let Some(groups) = self.groups_of.get_mut(&old.job_no) {
                groups.remove(&group);
                if groups.is_empty() {
                    self.groups_of.remove(&old.job_no);
                }
            }
        }
        self.waiters.ended(group);
    }

    fn forget_slots(&mut self, group: &LiveGroup) {
        for slot in &group.slots {
            self.live.remove(&slot.seq);
        }
    }

    pub fn job_no(&self, name: &JobName) -> Option<JobNo> {
        self.table.named(name.as_str()).map(|row| row.job_no)
    }

    /// The next jobs by name, behind that one.
    pub fn after(&self, after: Option<JobName>, most: usize) -> Vec<JobView> {
        let rows = self.table.after(after.as_ref().map(JobName::as_str)).take(most);
        rows.map(|row| self.view(row)).collect()
    }

    pub fn name_of(&self, job_no: JobNo) -> Option<JobName> {
        self.table.get(job_no).map(|row| row.job.name.clone())
    }

    pub fn group(&self, group: Group) -> Option<&LiveGroup> {
        self.groups.get(&group)
    }

    pub fn has_group(&self, group: Group) -> bool {
        self.groups.contains_key(&group)
    }

    pub fn job(&self, name: &JobName) -> Option<JobView> {
        self.table.named(name.as_str()).map(|row| self.view(row))
    }

    pub(super) fn view(&self, row: JobRow<'_>) -> JobView {
        JobView {
            job_no: row.job_no,
            version: row.version,
            job: row.job.clone(),
            success_count: row.success_count,
            error_count: row.error_count,
            last_success: row.last_success,
            last_error: row.last_error,
            status: row.status,
            running: self.running(row.job_no),
            next: row.next,
            dependents: self.dependents(&row.job.name),
        }
    }

    /// A job as it was at the moment of a reply.
    pub fn snapshot_view(&self, snapshot: JobSnapshot) -> JobView {
        let JobSnapshot { job_no, version, job, runtime } = snapshot;
        JobView {
            job_no,
            version,
            success_count: runtime.success_count,
            error_count: runtime.error_count,
            last_success: runtime.last_success,
            last_error: runtime.last_error,
            status: runtime.status,
            running: self.running(job_no),
            next: runtime.next,
            dependents: self.dependents(&job.name),
            job,
        }
    }

    /// Live executions of a job.
    pub(super) fn running(&self, job_no: JobNo) -> u32 {
        let Some(groups) = self.groups_of.get(&job_no) else { return 0 };
        let slots = groups.iter().filter_map(|group| self.groups.get(group));
        let live = slots.flat_map(|group| &group.slots).filter(|slot| slot.phase.is_live());
        u32::try_from(live.count()).unwrap_or(u32::MAX)
    }

    fn dependents(&self, name: &JobName) -> Vec<JobName> {
        self.children.get(name).into_iter().flatten().cloned().collect()
    }

    pub fn members(&self) -> Vec<Member> {
        self.around.members()
    }

    pub fn leader(&self) -> Option<Member> {
        self.around.leader(self.office)
    }
}
