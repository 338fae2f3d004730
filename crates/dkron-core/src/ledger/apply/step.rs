//! One application in progress: the ledger, the entry's facts, and what came out so far.
//! Keeps state, rows and derived indexes together, so that no command can forget one of them.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::figures;
use crate::domain::{
    Group, Job, JobNo, LogIndex, NodeName, Nominal, Origin, RequestId, Seq, SkipReason, Skipped,
    Tenure, Timestamp, Verb, Version, limits,
};
use crate::ledger::command::{Entry, OfJob};
use crate::ledger::outcome::{Effect, JobSnapshot, Outcome, Rejection, Reply, RowOp};
use crate::ledger::recent::Recent;
use crate::ledger::row::{Row, RowKey};
use crate::ledger::state::{JobState, Ledger, LiveGroup, Runtime};

pub(super) struct Step<'a> {
    pub ledger: &'a mut Ledger,
    pub index: LogIndex,
    pub at: Timestamp,
    pub tenure: Tenure,
    pub rows: Vec<RowOp>,
    pub effects: Vec<Effect>,
    /// Who wants it, if a user does, and what it is called.
    pub author: Option<(Origin, Verb)>,
    first_seq: Seq,
    /// Jobs and groups whose rows are written once, at the end; `true` = the group is new.
    changed_jobs: BTreeSet<JobNo>,
    changed_groups: BTreeMap<Group, bool>,
    /// Jobs that were looked at, and whether they were ready before.
    ready_before: BTreeMap<JobNo, bool>,
    changed_series: BTreeSet<NodeName>,
    first_recent: Recent,
}

impl<'a> Step<'a> {
    pub fn new(ledger: &'a mut Ledger, entry: &Entry) -> Self {
        let (first_seq, first_recent) = (ledger.last_seq, ledger.recent);
        Step {
            ledger,
            index: entry.index,
            at: entry.at,
            tenure: entry.tenure,
            rows: Vec::new(),
            effects: Vec::new(),
            author: None,
            first_seq,
            changed_jobs: BTreeSet::new(),
            changed_groups: BTreeMap::new(),
            ready_before: BTreeMap::new(),
            changed_series: BTreeSet::new(),
            first_recent,
        }
    }

    pub fn finish(mut self, reply: Reply) -> Outcome {
        for job_no in &self.changed_jobs {
            if let Some(state) = self.ledger.jobs.get(job_no) {
                let (job_no, runtime) = (*job_no, state.runtime.clone());
                self.rows.push(RowOp::Put(Row::Runtime { job_no, runtime }));
            }
        }
        for (group, new) in &self.changed_groups {
            if let Some(live) = self.ledger.groups.get(group) {
                let row = Row::Group(live.clone());
                self.rows.push(if *new { RowOp::PutNew(row) } else { RowOp::Put(row) });
            }
        }
        for (job_no, before) in &self.ready_before {
            if !before && self.ledger.derived.ready.contains(job_no) {
                self.effects.push(Effect::Dequeue(*job_no));
            }
        }
        for name in &self.changed_series {
            let series = self.ledger.series.get(name).cloned();
            self.rows.extend(series.map(|series| RowOp::Put(Row::Series(series))));
        }
        if self.ledger.recent != self.first_recent {
            self.rows.push(RowOp::Put(Row::Recent(self.ledger.recent)));
        }
        if self.ledger.last_seq != self.first_seq {
            self.rows.push(RowOp::Put(Row::LastSeq(self.ledger.last_seq)));
        }
        Outcome { reply, rows: self.rows, effects: self.effects }
    }

    /// The number of the next execution: unique, and the entry's time where it can be.
    pub fn next_seq(&mut self) -> Seq {
        let nanos = u64::try_from(self.at.unix_nanos()).unwrap_or(0);
        let seq = Seq(nanos.max(self.ledger.last_seq.0 + 1));
        self.ledger.last_seq = seq;
        seq
    }

    /// Keeps a request's id; the oldest beyond the limit is forgotten.
    pub fn remember(&mut self, id: RequestId) {
        let ledger = &mut *self.ledger;
        ledger.requests.push_back((self.index, id));
        ledger.derived.known_requests.insert(id);
        self.rows.push(RowOp::PutNew(Row::Request { index: self.index, id }));
        if ledger.requests.len() > limits::REQUESTS_KEPT
            && let Some((index, old)) = ledger.requests.pop_front()
        {
            ledger.derived.known_requests.remove(&old);
            self.rows.push(RowOp::Delete(RowKey::Request(index)));
        }
    }

    /// The number of the job that is meant, if it still bears the name.
    pub fn find(&self, job: &OfJob) -> Result<JobNo, Rejection> {
        match self.ledger.derived.names.get(&job.name) {
            Some(job_no) if *job_no == job.job_no => Ok(*job_no),
            Some(_) => Err(Rejection::Stale),
            None => Err(Rejection::JobNotFound(job.name.clone())),
        }
    }

    pub fn state(&self, job_no: JobNo) -> &JobState {
        self.ledger.jobs.get(&job_no).expect("callers hold numbers of stored jobs")
    }

    /// Changes a job's runtime state and everything that follows from it.
    pub fn change(&mut self, job_no: JobNo, change: impl FnOnce(&mut Runtime)) {
        let state = self.ledger.jobs.get_mut(&job_no).expect("a stored job");
        let before = state.due();
        change(&mut state.runtime);
        let after = state.due();
        self.move_due(job_no, before, after);
        self.changed_jobs.insert(job_no);
    }

    /// Keeps the order of due slots.
    fn move_due(&mut self, job_no: JobNo, before: Option<Timestamp>, after: Option<Timestamp>) {
        let due = &mut self.ledger.derived.due;
        if let Some(before) = before.filter(|_| before != after) {
            due.remove(&(before, job_no));
        }
        if let Some(after) = after.filter(|_| before != after) {
            due.insert((after, job_no));
        }
    }

    /// The series of that name changed: its row is written at the end.
    pub fn changed_series(&mut self, name: &NodeName) {
        if !self.changed_series.contains(name) {
            self.changed_series.insert(name.clone());
        }
    }

    /// A live group is born.
    pub fn add_group(&mut self, live: LiveGroup) {
        self.changed_groups.insert(live.group, true);
        self.ledger.groups.insert(live.group, live);
    }

    /// A live group, to be changed.
    pub fn group(&mut self, group: Group) -> &mut LiveGroup {
        self.changed_groups.entry(group).or_insert(false);
        self.ledger.groups.get_mut(&group).expect("indexes name live groups only")
    }

    /// Looks again whether a job's next occurrence could take its turn.
    pub fn look_ready(&mut self, job_no: JobNo) {
        let waits = self.ledger.queue(job_no).next().is_some();
        let before = self.ledger.derived.ready.contains(&job_no);
        if !waits && !before {
            return;
        }
        self.ready_before.entry(job_no).or_insert(before);
        let name = self.ledger.jobs.get(&job_no).map(|state| &state.job.name);
        let held = name.is_none_or(|name| self.ledger.derived.holders.contains_key(name));
        if waits && !held {
            self.ledger.derived.ready.insert(job_no);
        } else {
            self.ledger.derived.ready.remove(&job_no);
        }
    }

    /// An execution that this very entry brought forth need not begin.
    pub fn unsay_start(&mut self, seq: Seq) {
        if seq > self.first_seq {
            self.effects.retain(|effect| *effect != Effect::Start(seq));
        }
    }

    pub fn snapshot(&self, job_no: JobNo) -> Box<JobSnapshot> {
        Box::new(self.state(job_no).snapshot())
    }

    /// Adds a skipped record; a run of equal ones grows the newest.
    pub fn skip(&mut self, job_no: JobNo, skipped: Skipped) {
        figures::skipped(self, job_no, skipped.count);
        let mut dropped = None;
        let mut row = None;
        self.change(job_no, |runtime| {
            let merged = match runtime.last_skipped.take().map(|last| *last) {
                Some(last) if last.reason == skipped.reason && last.detail == skipped.detail => {
                    Skipped {
                        first: last.first.min(skipped.first),
                        last: last.last.max(skipped.last),
                        count: last.count.saturating_add(skipped.count),
                        ..last
                    }
                }
                _ => {
                    runtime.next_skip.0 += 1;
                    skipped
                }
            };
            if runtime.next_skip.0 - runtime.first_skip.0 > limits::SKIPPED_KEPT {
                dropped = Some(runtime.first_skip);
                runtime.first_skip.0 += 1;
            }
            let mut newest = runtime.next_skip;
            newest.0 -= 1;
            row = Some(Row::Skipped { job_no, no: newest, skipped: merged.clone() });
            runtime.last_skipped = Some(Box::new(merged));
        });
        self.rows.extend(row.map(RowOp::Put));
        self.rows.extend(dropped.map(|no| RowOp::Delete(RowKey::Skipped(job_no, no))));
    }

    /// One more user of a definition.
    pub fn pin(&mut self, job_no: JobNo, version: Version) {
        let state = self.ledger.jobs.get_mut(&job_no).expect("a stored job");
        *state.pins.entry(version).or_insert(0) += 1;
    }

    /// One user less; a definition that nobody needs goes, and a deleted job with its last one.
    pub fn unpin(&mut self, job_no: JobNo, version: Version) {
        let state = self.ledger.jobs.get_mut(&job_no).expect("a stored job");
        let pins = state.pins.get_mut(&version).expect("a pinned version");
        *pins -= 1;
        if *pins > 0 {
            return;
        }
        state.pins.remove(&version);
        if self.ledger.pinned.remove(&(job_no, version)).is_some() {
            self.rows.push(RowOp::Delete(RowKey::Definition(job_no, version)));
        }
        self.drop_if_unused(job_no);
    }

    /// A deleted job goes when nothing of it is used any more. Until then its last definition
    /// stays with it, used or not: a job can not be loaded without one.
    pub fn drop_if_unused(&mut self, job_no: JobNo) {
        let state = self.state(job_no);
        if state.runtime.deleted && state.pins.is_empty() {
            let version = state.runtime.version;
            self.ledger.jobs.remove(&job_no);
            self.rows.push(RowOp::Delete(RowKey::Definition(job_no, version)));
            self.rows.push(RowOp::Delete(RowKey::Runtime(job_no)));
        }
    }

    /// Makes `job` the definition in force; the old one stays as long as it is used.
    pub fn define(&mut self, job_no: JobNo, version: Version, job: Arc<Job>) {
        let state = self.ledger.jobs.get_mut(&job_no).expect("a stored job");
        let old_version = state.runtime.version;
        let due_before = state.due();
        let old = core::mem::replace(&mut state.job, job.clone());
        let due_after = state.due();
        if old_version != version && old_version != Version(0) {
            if state.pins.contains_key(&old_version) {
                self.ledger.pinned.insert((job_no, old_version), old);
            } else {
                self.rows.push(RowOp::Delete(RowKey::Definition(job_no, old_version)));
            }
        }
        self.rows.push(RowOp::Put(Row::Definition { job_no, version, job }));
        self.move_due(job_no, due_before, due_after);
    }

    /// Removes an owed start of a child.
    pub fn settle_child(&mut self, parent: Group, child: JobNo) -> bool {
        let owed = self.ledger.owed.remove(&(parent, child)).is_some();
        if owed {
            self.ledger.derived.owed_to.remove(&(child, parent));
            self.rows.push(RowOp::Delete(RowKey::Owed(parent, child)));
        }
        owed
    }
}

/// A skipped record of one slot.
pub(super) fn one(nominal: Nominal, reason: SkipReason, detail: impl ToString) -> Skipped {
    Skipped { first: nominal, last: nominal, count: 1, reason, detail: cut(detail.to_string()) }
}

/// A detail within its limit.
pub(super) fn cut(detail: String) -> String {
    if detail.len() <= limits::DETAIL_BYTES {
        return detail;
    }
    let mut end = limits::DETAIL_BYTES - 3;
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &detail[..end])
}
