//! I2: a run that forbids overlap never runs beside an earlier run of the same name. Judged by the
//! executions themselves.

use std::collections::BTreeMap;

use dkron_core::domain::{Concurrency, EndReason, Group, JobName, Seq};
use dkron_core::ledger::Command;
use dkron_core::worker::Run;

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Overlap {
    running: BTreeMap<Seq, (JobName, Group, bool)>,
}

impl Overlap {
    pub fn started(&mut self, run: &Run) -> Check {
        let forbid = run.job.concurrency == Concurrency::Forbid;
        for (seq, (name, group, _)) in &self.running {
            let earlier = *name == run.job.name && *group < run.group;
            require(!(forbid && earlier), "I2", || {
                format!("{name}: {} starts while {seq} of an earlier fire runs", run.seq)
            })?;
            let twice = *group == run.group;
            require(!twice, "I2", || format!("{name}: two attempts of {group} run: {seq}"))?;
        }
        self.running.insert(run.seq, (run.job.name.clone(), run.group, forbid));
        Ok(())
    }

    /// A run that allows overlap is not fenced when its node falls silent: once it is given up it
    /// holds nothing, though it may go on.
    pub fn committed(&mut self, commit: Commit<'_>) {
        // Rows would not do: a deleted job keeps no records.
        let Command::Report(report) = &commit.entry.command else { return };
        for end in report.ends.iter().filter(|end| end.finish.reason == EndReason::Silent) {
            let forbids = self.running.get(&end.seq).is_some_and(|(_, _, forbid)| *forbid);
            if !forbids && commit.ledger.live(end.seq).is_none() {
                self.running.remove(&end.seq);
            }
        }
    }

    pub fn runs(&self, seq: Seq) -> bool {
        self.running.contains_key(&seq)
    }

    pub fn ended(&mut self, seq: Seq) {
        self.running.remove(&seq);
    }
}
