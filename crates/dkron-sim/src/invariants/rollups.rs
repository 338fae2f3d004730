//! Figures over time: the buckets of a job hold each of its ends once, and the
//! time index points at each end.

use std::collections::BTreeMap;

use dkron_core::domain::stats::{Bucket, Span};
use dkron_core::domain::{JobNo, Timestamp};
use dkron_core::ledger::{Ledger, Row, RowKey, RowOp};

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Rollups {
    ends: BTreeMap<JobNo, u64>,
    /// Earliest and latest clock of entries: a ring forgets what is further apart than it is long.
    clocks: Option<(Timestamp, Timestamp)>,
}

impl Rollups {
    pub fn committed(&mut self, commit: Commit<'_>) {
        let at = commit.entry.at;
        let (first, last) = self.clocks.unwrap_or((at, at));
        self.clocks = Some((first.min(at), last.max(at)));
        for op in &commit.outcome.rows {
            if let RowOp::PutNew(Row::History { record, .. }) = op {
                *self.ends.entry(record.job_no).or_insert(0) += 1;
            }
        }
    }

    /// Nothing goes on any more.
    pub fn settled(&self, ledger: &Ledger, rows: &BTreeMap<RowKey, Row>) -> Check {
        let all: u64 = self.ends.values().sum();
        let recent = ledger.recent();
        require(recent.next == all, "rollups", || format!("{all} ends, {} pointers", recent.next))?;
        let Some((first, last)) = self.clocks else { return Ok(()) };
        let spans = [Span::Hour, Span::Day].into_iter();
        for span in spans.filter(|span| span.of(last) - span.of(first) < span.kept()) {
            for state in ledger.jobs().filter(|state| !state.runtime.deleted) {
                let ends = self.ends.get(&state.job_no).copied().unwrap_or(0);
                let kept = stored(rows, span, state.job_no).map(Bucket::executions).sum::<u64>();
                let open = state.runtime.rollup.as_ref().map_or(0, |rollup| match span {
                    Span::Hour => rollup.hour.executions(),
                    _ => rollup.day.executions(),
                });
                require(kept + open == ends, "rollups", || {
                    format!("{}: {ends} ends, {kept} + {open} in {}s", state.job.name, span.word())
                })?;
            }
        }
        Ok(())
    }
}

fn stored(
    rows: &BTreeMap<RowKey, Row>,
    span: Span,
    job_no: JobNo,
) -> impl Iterator<Item = &Bucket> {
    rows.values().filter_map(move |row| match row {
        Row::Bucket { span: own, of, bucket } if (*own, *of) == (span, job_no.0) => Some(bucket),
        _ => None,
    })
}
