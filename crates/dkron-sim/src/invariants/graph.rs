//! T-31: every parent that a job names exists, and no job is its own ancestor.

use dkron_core::ledger::Ledger;

use super::{Check, require};

pub fn check(ledger: &Ledger) -> Check {
    let jobs = ledger.jobs().count();
    for state in ledger.jobs().filter(|state| !state.runtime.deleted) {
        let mut above = state.job.parent_job.clone();
        let mut steps = 0;
        while let Some(name) = above {
            let parent = ledger.job(name.as_str());
            let child = &state.job.name;
            require(parent.is_some(), "graph", || format!("{child} hangs below {name}, gone"))?;
            steps += 1;
            require(steps <= jobs, "graph", || format!("{child} is its own ancestor"))?;
            above = parent.and_then(|parent| parent.job.parent_job.clone());
        }
    }
    Ok(())
}
