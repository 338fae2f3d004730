//! G7 and the history's truth: a record says what its execution said; a result that reached the
//! journal is lost only with the journal; and nothing exclusive runs when it is given up.

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::{Concurrency, EndReason, Finish, Output, Seq, State};
use dkron_core::ledger::{Row, RowOp};
use dkron_core::worker::JournalRecord;

use crate::machine::At;

use super::overlap::Overlap;
use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Truth {
    journaled: BTreeMap<Seq, Finish>,
    /// On which machine.
    written: BTreeMap<Seq, At>,
    /// Their journal may have lost them.
    excused: BTreeSet<Seq>,
    recorded: BTreeSet<Seq>,
}

impl Truth {
    pub fn wrote(&mut self, at: At, record: &JournalRecord) {
        if let JournalRecord::Finished { seq, finish } = record {
            self.written.insert(*seq, at);
            self.journaled.insert(*seq, Finish::clone(finish));
        }
    }

    /// The journal lost a tail, or everything.
    pub fn power_lost(&mut self, at: At) {
        let own = self.written.iter().filter(|(_, machine)| **machine == at);
        let open = own.filter(|(seq, _)| !self.recorded.contains(seq));
        self.excused.extend(open.map(|(seq, _)| *seq));
    }

    pub fn committed(&mut self, commit: Commit<'_>, overlap: &Overlap) -> Check {
        for op in &commit.outcome.rows {
            let RowOp::PutNew(Row::History { record, .. }) = op else { continue };
            let (seq, finish) = (record.seq, &record.finish);
            self.recorded.insert(seq);
            let journaled = self.journaled.get(&seq);
            match (finish.state, finish.reason) {
                (State::Lost, EndReason::Silent) => {
                    let job = commit.ledger.definition(record.job_no, record.version);
                    let exclusive = job.is_some_and(|job| job.concurrency == Concurrency::Forbid);
                    require(!(exclusive && overlap.runs(seq)), "I2", || {
                        format!("{seq} is given up as silent, but runs")
                    })?;
                }
                (State::Lost, _) => {
                    let kept = journaled.is_some() && !self.excused.contains(&seq);
                    require(!kept, "G7", || {
                        format!("{seq} is lost, its journal says {journaled:?}")
                    })?;
                }
                (State::Failed, EndReason::NodeUnreachable) => {}
                _ => require(journaled == Some(finish), "G7", || {
                    format!("{seq} is recorded as {finish:?}, its journal says {journaled:?}")
                })?,
            }
        }
        Ok(())
    }

    /// Processors replaced every output that was theirs; all others are as they were.
    pub fn output(&self, seq: Seq, output: &Output, processed: bool) -> Check {
        let Some(finish) = self.journaled.get(&seq) else { return Ok(()) };
        let expected = if processed { &Output::Empty } else { &finish.output };
        require(output == expected, "G8", || format!("{seq} shows {output:?}, not {expected:?}"))
    }
}
