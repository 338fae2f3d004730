//! What runs now: views of it, and who waits for its end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dkron_core::domain::{ExecutionId, Group, JobNo, LogIndex, Seq, State, Timestamp};
use dkron_core::ledger::{LiveGroup, Phase, Slot};

use super::Index;
use crate::service::{ExecutionView, JobView, Reply, RunView};

/// A run that was asked for.
pub struct Ran {
    pub job: JobView,
    pub group: Group,
    pub executions: Vec<ExecutionId>,
    pub wait: Option<Duration>,
    pub reply: Reply<RunView>,
}

/// Callers that wait for the end of a group.
#[derive(Default)]
pub(super) struct Waiters {
    by_group: BTreeMap<Group, (Instant, Reply<RunView>, RunView)>,
}

impl Waiters {
    pub fn ended(&mut self, group: Group) {
        if let Some((_, reply, view)) = self.by_group.remove(&group) {
            // Who asked may have gone away meanwhile.
            let _ = reply.send(Ok(RunView { ended: Some(true), ..view }));
        }
    }

    /// All groups but those have ended.
    pub fn ended_but(&mut self, goes_on: impl Fn(Group) -> bool) {
        let waited: Vec<Group> = self.by_group.keys().copied().collect();
        waited.into_iter().filter(|group| !goes_on(*group)).for_each(|group| self.ended(group));
    }
}

impl Index {
    pub fn started(&mut self, seq: Seq, at: Timestamp) {
        // The end may have overtaken the news of the start.
        if self.live.contains_key(&seq) {
            self.started.insert(seq, at);
        }
    }

    /// Answers somebody who asked for a run, now or when its group ends.
    pub fn ran(&mut self, ran: Ran) {
        let Ran { job, group, executions, wait, reply } = ran;
        let view = RunView { job, group: Some(group), executions, ended: None, index: LogIndex(0) };
        match wait {
            // Who asked may have gone away meanwhile.
            None => drop(reply.send(Ok(view))),
            Some(wait) if self.groups.contains_key(&group) => {
                let until = Instant::now() + wait;
                self.waiters.by_group.insert(group, (until, reply, view));
            }
            Some(_) => drop(reply.send(Ok(RunView { ended: Some(true), ..view }))),
        }
    }

    /// Whether anybody waits for the end of a group.
    pub fn has_waiters(&self) -> bool {
        !self.waiters.by_group.is_empty()
    }

    /// Answers those whose patience is over.
    pub fn expire_waiters(&mut self) {
        let now = Instant::now();
        let over = |(_, (until, ..)): &(&Group, &(Instant, Reply<RunView>, RunView))| *until <= now;
        let groups: Vec<Group> =
            self.waiters.by_group.iter().filter(over).map(|(group, _)| *group).collect();
        for group in groups {
            if let Some((_, reply, view)) = self.waiters.by_group.remove(&group) {
                // Who asked may have gone away meanwhile.
                let _ = reply.send(Ok(RunView { ended: Some(false), ..view }));
            }
        }
    }

    /// Live executions of a job, newest first.
    pub fn live_of(&self, job_no: JobNo) -> Vec<ExecutionView> {
        let groups = self.groups_of.get(&job_no).into_iter().flatten().rev();
        let groups = groups.filter_map(|group| self.groups.get(group));
        groups.flat_map(|group| self.views(group)).collect()
    }

    /// Everything that runs now, by start.
    pub fn live_all(&self) -> Vec<ExecutionView> {
        let mut all: Vec<_> = self.groups.values().flat_map(|group| self.views(group)).collect();
        all.sort_by_key(|view| (view.started_at.unwrap_or(view.fired_at), view.id.seq));
        all
    }

    /// One of them.
    pub(super) fn live_one(&self, group: Group, seq: Seq) -> Option<ExecutionView> {
        let group = self.groups.get(&group)?;
        let slot = group.slots.iter().find(|slot| slot.seq == seq)?;
        self.live_view(group, slot)
    }

    fn views(&self, group: &LiveGroup) -> Vec<ExecutionView> {
        let live = group.slots.iter().filter(|slot| slot.phase.is_live());
        live.filter_map(|slot| self.live_view(group, slot)).collect()
    }

    fn live_view(&self, group: &LiveGroup, slot: &Slot) -> Option<ExecutionView> {
        let row = self.table.get(group.job_no)?;
        let told = self.started.get(&slot.seq).copied();
        let started_at = match slot.phase {
            Phase::Running { started_at } => Some(started_at),
            _ => told,
        };
        let state = if started_at.is_some() { State::Running } else { State::Pending };
        Some(ExecutionView {
            id: ExecutionId { seq: slot.seq, node: slot.target.node.clone() },
            job_name: row.job.name.clone(),
            group: group.group,
            attempt: slot.attempt,
            cause: group.cause.clone(),
            nominal: group.nominal,
            fired_at: slot.fired_at,
            started_at,
            finished_at: None,
            state,
            reason: "",
            exit_code: None,
            output: Vec::new(),
            dropped: 0,
            cancelled: slot.cancel.clone(),
            late: None,
        })
    }
}
