//! I2: a run that forbids overlap never runs beside an earlier run of the same name. Judged by the
//! executions themselves.

use std::collections::BTreeMap;

use dkron_core::domain::{Concurrency, EndReason, Group, JobName, Seq};
use dkron_core::ledger::Command;
use dkron_core::worker::Run;

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Overlap {
    running: BTreeMap<Seq, Running>,
}

#[derive(Debug)]
struct Running {
    name: JobName,
    group: Group,
    /// The first attempt of its target.
    root: Seq,
    exclusive: bool,
}

impl Overlap {
    pub fn started(&mut self, run: &Run, root: Seq) -> Check {
        let exclusive = run.job.concurrency == Concurrency::Forbid;
        for (seq, other) in &self.running {
            let name = &other.name;
            let earlier = *name == run.job.name && other.group < run.group;
            require(!(exclusive && earlier), "I2", || {
                format!("{name}: {} starts while {seq} of an earlier fire runs", run.seq)
            })?;
            require(other.root != root, "I2", || {
                format!("{name}: {} starts while {seq}, an attempt before, runs", run.seq)
            })?;
        }
        let (name, group) = (run.job.name.clone(), run.group);
        self.running.insert(run.seq, Running { name, group, root, exclusive });
        Ok(())
    }

    /// A run that allows overlap is not fenced when its node falls silent: once it is given up it
    /// holds nothing, though it may go on.
    pub fn committed(&mut self, commit: Commit<'_>) {
        // Rows would not do: a deleted job keeps no records.
        let Command::Report(report) = &commit.entry.command else { return };
        for end in report.ends.iter().filter(|end| end.finish.reason == EndReason::Silent) {
            let forbids = self.running.get(&end.seq).is_some_and(|run| run.exclusive);
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
