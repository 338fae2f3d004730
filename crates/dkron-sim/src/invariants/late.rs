//! G7 for what was given up: a result that comes late stands beside the record, once, as its node
//! wrote it down, and goes with the record; none that was kept in time is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dkron_core::domain::{HistoryNo, Record, Seq, State};
use dkron_core::ledger::{Outcome, Row, RowKey, RowOp};

use super::truth::Truth;
use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Late {
    /// Records of executions whose result is still of interest.
    lost: BTreeMap<Seq, Arc<Record>>,
    shown: BTreeSet<Seq>,
}

impl Late {
    pub fn committed(&mut self, commit: Commit<'_>, truth: &Truth) -> Check {
        for op in &commit.outcome.rows {
            match op {
                RowOp::PutNew(Row::History { record, .. }) => {
                    let (seq, lost) = (record.seq, record.finish.state == State::Lost);
                    if lost && commit.ledger.is_lost(seq) {
                        self.lost.insert(seq, record.clone());
                    }
                }
                RowOp::PutNew(Row::Late { job_no, late, .. }) => {
                    let seq = late.seq;
                    let record = self.lost.get(&seq);
                    let right = record.is_some_and(|record| record.job_no == *job_no);
                    require(right, "late", || format!("{seq} was not lost, but has {late:?}"))?;
                    require(self.shown.insert(seq), "late", || format!("{seq} has two results"))?;
                    let (said, _) = truth.journaled(seq);
                    require(said.contains(&late.finish), "G7", || {
                        format!("{seq} has {late:?}, its journal says {said:?}")
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A planted bug: what such a ledger would write.
    pub fn count_again(&self, outcome: &mut Outcome) {
        let late = outcome.rows.iter().find_map(|op| match op {
            RowOp::PutNew(Row::Late { no, late, .. }) => Some((*no, late.clone())),
            _ => None,
        });
        if let Some((no, late)) = late
            && let Some(record) = self.lost.get(&late.seq)
        {
            let record = Arc::new(Record { finish: late.finish, ..Record::clone(record) });
            let no = HistoryNo(no.0 + (1 << 40));
            outcome.rows.push(RowOp::PutNew(Row::History { no, record }));
        }
    }

    /// At rest every node has told what it knew.
    pub fn settled(&self, rows: &BTreeMap<RowKey, Row>, truth: &Truth) -> Check {
        for row in rows.values() {
            if let Row::Late { job_no, no, late } = row {
                let kept = rows.contains_key(&RowKey::History(*job_no, *no));
                require(kept, "late", || format!("{late:?} has lost its record"))?;
            }
            let Row::History { record, .. } = row else { continue };
            let (said, excused) = truth.journaled(record.seq);
            let expected = self.lost.contains_key(&record.seq) && !said.is_empty() && !excused;
            require(!expected || self.shown.contains(&record.seq), "G7", || {
                format!("{} was lost, and nothing shows that it ended {said:?}", record.seq)
            })?;
        }
        Ok(())
    }
}
