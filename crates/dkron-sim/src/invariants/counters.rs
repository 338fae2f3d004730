//! I5, G6: each terminal execution adds exactly one to one counter of its job.

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::{JobNo, Seq, State, Submission};
use dkron_core::ledger::{Command, Reply, Row, RowOp};

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Counters {
    counts: BTreeMap<JobNo, (u64, u64)>,
    ended: BTreeSet<Seq>,
}

impl Counters {
    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        for op in &commit.outcome.rows {
            let RowOp::PutNew(Row::History { record, .. }) = op else { continue };
            let seq = record.seq;
            require(self.ended.insert(seq), "G6", || format!("{seq} ends twice"))?;
            let count = self.counts.entry(record.job_no).or_default();
            match record.finish.state {
                State::Success => count.0 += 1,
                _ => count.1 += 1,
            }
        }
        if let Reply::Job(job) = &commit.outcome.reply {
            match commit.entry.command.inner() {
                Command::PutJob(put) | Command::Restore(put) => {
                    self.base(job.job_no, &put.submission);
                }
                Command::ClearExecutions(_) => drop(self.counts.insert(job.job_no, (0, 0))),
                _ => {}
            }
        }
        for state in commit.ledger.jobs().filter(|state| !state.runtime.deleted) {
            let counted = self.counts.get(&state.job_no).copied().unwrap_or_default();
            let kept = (state.runtime.success_count, state.runtime.error_count);
            require(kept == counted, "I5", || {
                format!("{}: {kept:?} kept, {counted:?} counted", state.job.name)
            })?;
        }
        Ok(())
    }

    fn base(&mut self, job_no: JobNo, posted: &Submission) {
        let count = self.counts.entry(job_no).or_default();
        count.0 = count.0.max(posted.success_count);
        count.1 = count.1.max(posted.error_count);
    }
}
