//! I4, and what the store relies on: a terminal record never changes but for its output, and a key
//! that is called new is new.

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::{Finish, HistoryNo, JobNo, Output, Record, SkipNo};
use dkron_core::ledger::{Ledger, Row, RowKey, RowOp};

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct History {
    records: BTreeMap<(JobNo, HistoryNo), Record>,
    keys: BTreeSet<RowKey>,
}

impl History {
    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        for op in &commit.outcome.rows {
            match op {
                RowOp::PutNew(row) => {
                    let new = self.keys.insert(row.key());
                    require(new, "rows", || {
                        format!("{:?} is called new, but was stored", row.key())
                    })?;
                    self.row(row)?;
                }
                RowOp::Put(row) => {
                    self.keys.insert(row.key());
                    self.row(row)?;
                }
                RowOp::Delete(_) => {}
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Row) -> Check {
        let Row::History { no, record } = row else { return Ok(()) };
        require(record.finish.state.is_terminal(), "I3", || format!("{record:?}"))?;
        let bare = Record { finish: bare(&record.finish), ..Record::clone(record) };
        let key = (record.job_no, *no);
        let seq = record.seq;
        let known = self.records.entry(key).or_insert_with(|| bare.clone());
        require(*known == bare, "I4", || format!("the record of {seq} changed: {record:?}"))
    }

    /// The store holds the records that the ledger counts, and no others.
    pub fn settled(&self, ledger: &Ledger, rows: &BTreeMap<RowKey, Row>) -> Check {
        let mut expected = BTreeSet::new();
        for state in ledger.jobs() {
            let (no, run) = (state.job_no, &state.runtime);
            let history = run.first_no.0..run.next_no.0;
            expected.extend(history.map(|at| RowKey::History(no, HistoryNo(at))));
            let skipped = run.first_skip.0..run.next_skip.0;
            expected.extend(skipped.map(|at| RowKey::Skipped(no, SkipNo(at))));
        }
        let kept = rows.keys().filter(|key| {
            matches!(key, RowKey::History(..) | RowKey::Skipped(..) | RowKey::Expiring(..))
        });
        let kept: BTreeSet<RowKey> = kept.copied().collect();
        let odd: Vec<_> = expected.symmetric_difference(&kept).collect();
        require(odd.is_empty(), "rows", || format!("rows too many or too few: {odd:?}"))
    }
}

/// What processors may not change.
fn bare(finish: &Finish) -> Finish {
    Finish { output: Output::Empty, dropped: 0, ..finish.clone() }
}
