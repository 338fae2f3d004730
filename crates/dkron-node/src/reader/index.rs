//! The job index: one compact row a job, kept in step with the ledger by its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use dkron_core::domain::{
    Drain, Group, Job, JobName, JobNo, Nominal, SchedulingPause, Seq, Settings, Status, Tenure,
    Timestamp, Version,
};
use dkron_core::ledger::{JobSnapshot, Ledger, LiveGroup, Recent, Row, RowKey, RowOp, Runtime};

use super::around::Around;
use super::live::Waiters;
use crate::service::{JobView, Member};

/// What lists show and sort by.
#[derive(Clone)]
pub struct IndexRow {
    pub job: Arc<Job>,
    pub version: Version,
    pub success_count: u64,
    pub error_count: u64,
    pub last_success: Option<Timestamp>,
    pub last_error: Option<Timestamp>,
    pub status: Status,
    pub next: Option<Nominal>,
    /// Deleted, but executions of it still run.
    pub deleted: bool,
}

/// Everything that questions are answered from, but for what only the store holds.
pub struct Index {
    pub around: Around,
    pub office: Option<Tenure>,
    pub paused: bool,
    pub zone: String,
    /// Once the cluster has agreed on them.
    pub settings: Option<Settings>,
    /// Nodes that are given no runs.
    pub drains: Vec<Drain>,
    /// What keeps jobs from starting by themselves.
    pub pauses: Vec<SchedulingPause>,
    /// Boxed: a tree that grows at its end is half empty.
    pub(super) rows: BTreeMap<JobNo, Box<IndexRow>>,
    pub(super) names: BTreeMap<JobName, JobNo>,
    children: BTreeMap<JobName, BTreeSet<JobName>>,
    pub(super) groups: BTreeMap<Group, LiveGroup>,
    pub(super) groups_of: BTreeMap<JobNo, BTreeSet<Group>>,
    /// Live executions and their groups.
    pub(super) live: BTreeMap<Seq, Group>,
    /// Starts that the log does not know (yet).
    pub(super) started: BTreeMap<Seq, Timestamp>,
    /// Which pointers to ends there are.
    pub(super) recent: Recent,
    pub(super) waiters: Waiters,
}

impl Index {
    /// From the ledger, at start and after a snapshot.
    pub fn new(ledger: &Ledger, around: Around) -> Self {
        let mut index = Index {
            around,
            office: None,
            paused: ledger.is_paused(),
            zone: ledger.settings().zone.clone(),
            settings: ledger.is_settled().then(|| ledger.settings().clone()),
            drains: ledger.drains().cloned().collect(),
            pauses: ledger.scheduling_pauses().cloned().collect(),
            rows: BTreeMap::new(),
            names: BTreeMap::new(),
            children: BTreeMap::new(),
            groups: BTreeMap::new(),
            groups_of: BTreeMap::new(),
            live: BTreeMap::new(),
            started: BTreeMap::new(),
            recent: ledger.recent(),
            waiters: Waiters::default(),
        };
        for state in ledger.jobs() {
            index.define(state.job_no, state.runtime.version, state.job.clone());
            index.put_runtime(state.job_no, &state.runtime);
        }
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
                self.forget_name(job_no);
                self.rows.remove(&job_no);
            }
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
            Row::Drains(drains) => self.drains = drains,
            Row::SchedulingPauses(pauses) => self.pauses = pauses,
            Row::Definition { job_no, version, job } => self.define(job_no, version, job),
            Row::Runtime { job_no, runtime } => self.put_runtime(job_no, &runtime),
            Row::Group(group) => self.put_group(group),
            Row::Recent(recent) => self.recent = recent,
            _ => {}
        }
    }

    fn define(&mut self, job_no: JobNo, version: Version, job: Arc<Job>) {
        self.forget_name(job_no);
        self.names.insert(job.name.clone(), job_no);
        if let Some(parent) = &job.parent_job {
            self.children.entry(parent.clone()).or_default().insert(job.name.clone());
        }
        let row = self.rows.entry(job_no).or_insert_with(|| Box::new(IndexRow::new(job.clone())));
        (row.job, row.version) = (job, version);
    }

    fn put_runtime(&mut self, job_no: JobNo, runtime: &Runtime) {
        let Some(row) = self.rows.get_mut(&job_no) else { return };
        row.success_count = runtime.success_count;
        row.error_count = runtime.error_count;
        row.last_success = runtime.last_success;
        row.last_error = runtime.last_error;
        row.status = runtime.status;
        row.next = runtime.next;
        row.deleted = runtime.deleted;
        if runtime.deleted {
            self.forget_name(job_no);
        }
    }

    fn forget_name(&mut self, job_no: JobNo) {
        let Some(row) = self.rows.get(&job_no) else { return };
        let job = row.job.clone();
        if self.names.get(&job.name) != Some(&job_no) {
            return;
        }
        self.names.remove(&job.name);
        if let Some(parent) = &job.parent_job
            && let Some(children) = self.children.get_mut(parent)
        {
            children.remove(&job.name);
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
        self.names.get(name).copied()
    }

    /// The next jobs by name, behind that one.
    pub fn after(&self, after: Option<JobName>, most: usize) -> Vec<JobView> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.names.range((begin, Bound::Unbounded)).take(most);
        let rows = names.filter_map(|(_, no)| Some((*no, self.rows.get(no)?)));
        rows.map(|(no, row)| self.view(no, row)).collect()
    }

    pub fn has_group(&self, group: Group) -> bool {
        self.groups.contains_key(&group)
    }

    pub fn job(&self, name: &JobName) -> Option<JobView> {
        let job_no = self.job_no(name)?;
        self.rows.get(&job_no).map(|row| self.view(job_no, row))
    }

    pub(super) fn view(&self, job_no: JobNo, row: &IndexRow) -> JobView {
        JobView {
            job_no,
            version: row.version,
            job: row.job.clone(),
            success_count: row.success_count,
            error_count: row.error_count,
            last_success: row.last_success,
            last_error: row.last_error,
            status: row.status,
            running: self.running(job_no),
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

impl IndexRow {
    fn new(job: Arc<Job>) -> Self {
        IndexRow {
            job,
            version: Version(0),
            success_count: 0,
            error_count: 0,
            last_success: None,
            last_error: None,
            status: Status::Untriggered,
            next: None,
            deleted: false,
        }
    }
}
