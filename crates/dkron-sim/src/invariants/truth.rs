//! G7 and the history's truth: a record says what its execution said; a result that reached the
//! journal is lost only with the journal; and nothing exclusive runs when it is given up.

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::{EndReason, Finish, OnLost, Output, Record, Seq, State};
use dkron_core::ledger::{Row, RowOp};
use dkron_core::worker::{JournalRecord, Run};

use crate::machine::At;

use super::overlap::Overlap;
use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Truth {
    /// A node that lost its journal may be told to cancel what it ended before: then it has two.
    journaled: BTreeMap<Seq, Vec<Finish>>,
    /// On which machine.
    written: BTreeMap<Seq, At>,
    /// Their journal may have lost them.
    excused: BTreeSet<Seq>,
    /// Those whose end the log has.
    recorded: BTreeSet<Seq>,
    /// Those that a person may call over in their node's place, and those that must be over when
    /// they are given up.
    held: BTreeSet<Seq>,
    bound: BTreeSet<Seq>,
}

impl Truth {
    pub fn wrote(&mut self, at: At, record: &JournalRecord) {
        if let JournalRecord::Finished { seq, finish } = record {
            self.written.insert(*seq, at);
            self.journaled.entry(*seq).or_default().push(Finish::clone(finish));
        }
    }

    pub fn started(&mut self, run: &Run) {
        let policy = run.job.policy();
        if policy.on_lost == OnLost::Hold {
            self.held.insert(run.seq);
        }
        if run.job.concurrency.is_exclusive() || policy.retry.on.lost {
            self.bound.insert(run.seq);
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
            if finish.state != State::Lost {
                // Of a lost one only the journal knows how it ended, for as long as that lasts.
                self.recorded.insert(seq);
            }
            let journaled = self.journaled.get(&seq).map_or(&[][..], Vec::as_slice);
            match (finish.state, finish.reason) {
                (State::Lost, EndReason::Silent) => {
                    let held = self.held.contains(&seq);
                    require(!held, "G4", || format!("{seq} is held, but given up as silent"))?;
                    let runs = self.bound.contains(&seq) && overlap.runs(seq);
                    require(!runs, "I2", || format!("{seq} is given up as silent, but runs"))?;
                }
                // Its node never had it, or a person said in its place that it is over.
                (State::Cancelled, EndReason::Cancelled | EndReason::Replaced)
                    if journaled.is_empty() =>
                {
                    let held = self.held.contains(&seq);
                    require(held || !overlap.runs(seq), "I2", || {
                        format!("{seq} is taken for cancelled, but runs")
                    })?;
                }
                (State::Lost, _) => {
                    let kept = !journaled.is_empty() && !self.excused.contains(&seq);
                    require(!kept, "G7", || {
                        format!("{seq} is lost, its journal says {journaled:?}")
                    })?;
                }
                (State::Failed, EndReason::NodeUnreachable) => {}
                // Its node never had it.
                (State::Failed, EndReason::NotStarted) if journaled.is_empty() => {
                    require(!overlap.runs(seq), "I2", || {
                        format!("{seq} is called not started, but runs")
                    })?;
                }
                (State::Cancelled, EndReason::Cancelled) if self.held.contains(&seq) => {}
                _ => require(journaled.contains(finish), "G7", || {
                    format!("{seq} is recorded as {finish:?}, its journal says {journaled:?}")
                })?,
            }
        }
        Ok(())
    }

    /// What its node's journal says of it, and whether that may be lost with the journal.
    pub fn journaled(&self, seq: Seq) -> (&[Finish], bool) {
        let said = self.journaled.get(&seq).map_or(&[][..], Vec::as_slice);
        (said, self.excused.contains(&seq))
    }

    /// Processors replaced every output that was theirs; all others are as they were.
    pub fn output(&self, record: &Record, processed: bool) -> Check {
        let (seq, output) = (record.seq, &record.finish.output);
        // What was lost, or ended in the place of a silent node, has no output.
        let said = self.journaled.get(&seq).into_iter().flatten();
        let mut said = said.filter(|finish| finish.finished_at == record.finish.finished_at);
        let Some(finish) = said.next() else { return Ok(()) };
        let expected = if processed { &Output::Empty } else { &finish.output };
        require(output == expected, "G8", || format!("{seq} shows {output:?}, not {expected:?}"))
    }
}
