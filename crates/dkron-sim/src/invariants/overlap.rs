//! I2: an exclusive run never runs beside an earlier run of the same name. Judged by the
//! executions themselves.

use std::collections::BTreeMap;

use dkron_core::domain::{EndReason, Group, JobName, OnLost, Seq, State};
use dkron_core::ledger::Command;
use dkron_core::worker::{Run, Terms};

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
    /// It must be over before anybody takes it for lost.
    bound: bool,
    hold: bool,
}

impl Overlap {
    pub fn started(&mut self, run: &Run, root: Seq) -> Check {
        let exclusive = run.job.concurrency.is_exclusive();
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
        let bound = Terms::of(run).exclusive;
        let hold = run.job.policy().on_lost == OnLost::Hold;
        self.running.insert(run.seq, Running { name, group, root, bound, hold });
        Ok(())
    }

    /// A run that allows overlap is not fenced when its node falls silent: once it is given up it
    /// holds nothing, though it may go on. So it is with a run that is held, if a person says in
    /// its silent node's place that it is over.
    pub fn committed(&mut self, commit: Commit<'_>) {
        // Rows would not do: a deleted job keeps no records.
        let Command::Report(report) = commit.entry.command.inner() else { return };
        for end in &report.ends {
            let Some(run) = self.running.get(&end.seq) else { continue };
            let silent = end.finish.reason == EndReason::Silent && !run.bound;
            let vouched = end.finish.state == State::Cancelled && run.hold;
            if (silent || vouched) && commit.ledger.live(end.seq).is_none() {
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
