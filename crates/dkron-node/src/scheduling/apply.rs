//! Committed entries: through the ledger, into the store's memory, to the reader, and what they
//! cause to the conductor.

use std::sync::Arc;

use dkron_core::conductor::{Fate, Input, Ticket};
use dkron_core::domain::{LogIndex, SkipReason};
use dkron_core::ledger::{Command, Decision, Entry, Fire, Outcome, Reply, Row, RowOp};
use dkron_core::worker::{News, ToLeader};
use dkron_raft::ApplyBatch;

use super::Scheduling;
use crate::chronicle::Mark;
use crate::snapshot::Installed;
use crate::{clocks, rows, telemetry, versions};

impl Scheduling {
    /// # Panics
    /// On an entry that can not be read and on a failed assertion of the ledger: this replica
    /// must not go on. Whoever started the thread sees it end.
    pub(super) fn apply(&mut self, batch: ApplyBatch) {
        let mut ops = Vec::new();
        for committed in &batch.entries {
            let index = LogIndex(committed.index);
            let entry = match dkron_wire::decode_entry(index, &committed.bytes) {
                Ok(entry) => entry,
                Err(err) => panic!("log entry {index} can not be applied: {err}"),
            };
            self.hashes.reached(LogIndex(index.0 - 1), &self.ledger);
            let ticket = entry.request.and_then(|id| self.mint.ticket(id));
            versions::check(&entry);
            let skips = self.skips(&entry.command);
            let at = entry.at;
            let outcome = self.apply_entry(entry, &committed.bytes);
            self.count(&outcome.rows);
            telemetry::skipped(&skips, &outcome.reply);
            ops.extend(outcome.rows.iter().map(rows::op));
            self.outputs.note(&outcome.rows);
            self.update.rows.extend(outcome.rows);
            self.update.marks.push(Mark { index, at, rows: self.update.rows.len() });
            if let Reply::InOffice(tenure) = outcome.reply {
                self.update.office = Some(None);
                tracing::debug!(%tenure, "office taken");
            }
            if let Some(ticket) = ticket {
                let (ticket, fate) = (Ticket(ticket), Fate::Applied(outcome.reply));
                if let Some((at, timer)) = self.proposed.remove(&ticket) {
                    timer.record(clocks::now().mono.saturating_sub(at));
                }
                self.input(Input::Resolved { ticket, fate });
            }
            if !outcome.effects.is_empty() {
                self.input(Input::Effects(outcome.effects));
            }
        }
        ops.push(rows::marker(&batch.marker));
        self.state.push(batch.last_index, ops).expect("entries come in order, keys are short");
        self.outputs.tell();
        self.applied = LogIndex(batch.last_index);
        self.hashes.reached(self.applied, &self.ledger);
        self.held = Some(batch.done);
        if !self.is_behind() {
            self.release();
        }
    }

    /// Rows of another server are in the store by now. Whoever is sent them does not lead.
    pub(super) fn installed(&mut self, installed: Installed) {
        let Installed { ledger, index, done } = installed;
        (self.epoch, self.elected) = (None, None);
        self.deposed();
        self.proposed.clear();
        // What belongs to the old rows; answers stay, and come behind the new ones.
        self.update.rows.clear();
        self.update.marks.clear();
        self.update.started.clear();
        self.applied = ledger.applied();
        self.update.installed = Some((Box::new(index), self.applied));
        self.ledger = ledger;
        if let Some(state) = Arc::clone(&self.state).on_disk() {
            self.outputs.anew(&state);
        }
        // Consensus is stopping if nobody listens.
        let _ = done.send(());
    }

    /// A failed assertion must name what failed it before this replica stops.
    fn apply_entry(&mut self, entry: Entry, bytes: &[u8]) -> Outcome {
        let index = entry.index;
        let ledger = &mut self.ledger;
        // The ledger may be half changed after a panic: nobody looks at it again.
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ledger.apply(entry))) {
            Ok(outcome) => outcome,
            Err(cause) => {
                let entry = dkron_wire::decode_entry(index, bytes);
                tracing::error!(%index, ?entry, "the ledger refused to go on: this is a bug");
                std::panic::resume_unwind(cause)
            }
        }
    }

    /// Slots that the command skips, to be counted by the leader.
    fn skips(&self, command: &Command) -> Vec<Option<(SkipReason, u64)>> {
        let Command::Fire(fires) = command.inner() else { return Vec::new() };
        if self.conductor.tenure().is_none() {
            return Vec::new();
        }
        let skip = |fire: &Fire| match &fire.decision {
            Decision::Skip { count, reason, .. } => Some((*reason, *count)),
            Decision::Run(_) => None,
        };
        fires.iter().map(skip).collect()
    }

    /// Figures of ended executions, once for each, by the leader.
    fn count(&self, rows: &[RowOp]) {
        if self.conductor.tenure().is_none() {
            return;
        }
        for row in rows {
            if let RowOp::PutNew(Row::History { record, .. }) = row {
                telemetry::ended(record);
            }
        }
    }

    /// Readers see a run as running before its start enters the log.
    pub(super) fn note_start(&mut self, message: &ToLeader) {
        if let News::Started { seq, at } = message.body {
            self.update.started.push((seq, at));
        }
    }
}
