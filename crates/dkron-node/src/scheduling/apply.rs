//! Committed entries: through the ledger, into the store's memory, to the reader, and what they
//! cause to the conductor.

use dkron_core::conductor::{Fate, Input, Ticket};
use dkron_core::domain::LogIndex;
use dkron_core::ledger::{Reply, Row, RowOp};
use dkron_core::worker::{News, ToLeader};
use dkron_raft::ApplyBatch;

use super::Scheduling;
use crate::{rows, telemetry};

impl Scheduling {
    /// # Panics
    /// On an entry that can not be read and on a failed assertion of the ledger: this replica
    /// must not go on. Whoever started the thread sees it end.
    pub(super) fn apply(&mut self, batch: ApplyBatch) {
        let mut ops = Vec::new();
        for entry in &batch.entries {
            let index = LogIndex(entry.index);
            let entry = match dkron_wire::decode_entry(index, &entry.bytes) {
                Ok(entry) => entry,
                Err(err) => panic!("log entry {index} can not be applied: {err}"),
            };
            let ticket = entry.request.and_then(|id| self.mint.ticket(id));
            let outcome = self.ledger.apply(entry);
            ops.extend(outcome.rows.iter().map(rows::op));
            self.outputs.note(&outcome.rows);
            self.count(&outcome.rows);
            self.update.rows.extend(outcome.rows);
            if let Reply::InOffice(tenure) = outcome.reply {
                self.update.office = Some(None);
                tracing::debug!(%tenure, "office taken");
            }
            if let Some(ticket) = ticket {
                let (ticket, fate) = (Ticket(ticket), Fate::Applied(outcome.reply));
                self.input(Input::Resolved { ticket, fate });
            }
            if !outcome.effects.is_empty() {
                self.input(Input::Effects(outcome.effects));
            }
        }
        ops.push(rows::marker(&batch.marker));
        self.state.push(batch.last_index, ops).expect("entries come in order, keys are short");
        self.outputs.tell();
        self.update.index = LogIndex(batch.last_index);
        self.held = Some(batch.done);
        if !self.is_behind() {
            self.release();
        }
    }

    /// Figures of ended executions, once for each, by the leader.
    fn count(&self, rows: &[RowOp]) {
        if self.conductor.tenure().is_none() {
            return;
        }
        for row in rows {
            match row {
                RowOp::PutNew(Row::History { record, .. }) => telemetry::ended(record),
                RowOp::Put(Row::Skipped { skipped, .. }) => telemetry::skipped(skipped),
                _ => {}
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
