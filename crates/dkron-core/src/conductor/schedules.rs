//! Parsed schedules and zones, kept for the next time. Only a memory: it can be dropped at will.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::admission::schedule_of;
use crate::domain::{JobName, JobNo, Version};
use crate::ledger::JobState;
use crate::schedule::{Schedule, Zone};

/// Jobs kept; beyond it everything is forgotten and parsed again.
const KEPT: usize = 20_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Schedules {
    parsed: BTreeMap<JobNo, (Version, Option<Arc<Schedule>>)>,
    /// Jobs whose schedule does not parse here, not yet told of.
    bad: Vec<JobName>,
}

impl Schedules {
    /// The schedule of a stored job; none for a child, or if it does not parse here.
    pub fn get(&mut self, state: &JobState, local: &Zone) -> Option<Arc<Schedule>> {
        let (job_no, version) = (state.job_no, state.runtime.version);
        if let Some((known, schedule)) = self.parsed.get(&job_no)
            && *known == version
        {
            return schedule.clone();
        }
        if self.parsed.len() >= KEPT {
            self.parsed.clear();
        }
        let schedule = schedule_of(&state.job, local).map(Arc::new);
        if schedule.is_none() && state.job.parent_job.is_none() {
            self.bad.push(state.job.name.clone());
        }
        self.parsed.insert(job_no, (version, schedule.clone()));
        schedule
    }

    /// Stored jobs that a newer or older server admitted, and that have no slots here.
    pub fn take_bad(&mut self) -> Vec<JobName> {
        core::mem::take(&mut self.bad)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.parsed.len()
    }

    /// The cluster's zone changed.
    pub fn clear(&mut self) {
        self.parsed.clear();
    }
}
