//! What the scheduling thread tells the keeper: changes of history rows, as far as they concern
//! stored outputs. Where nobody stores an output, nothing is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dkron_core::domain::{HistoryNo, JobNo};
use dkron_core::ledger::{Row, RowKey, RowOp};
use dkron_store::state::State;
use tokio::sync::mpsc;

use super::carry::Name;
use super::store::name_of;

/// Names a row of the history.
pub(super) type Key = (JobNo, HistoryNo);

/// The row refers to this output from now on; none if it refers to none, or is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) output: Option<Name>,
}

/// What the keeper hears, in order.
pub(super) enum Told {
    Changes(Vec<Change>),
    /// Other rows took the place of all rows: what was told before is over.
    Anew(Arc<State>),
}

/// Figures that both threads see.
#[derive(Default)]
pub(super) struct Shared {
    /// Rows with a stored output that the keeper knows or will know; one more while it looks for
    /// them. At zero, a row that goes can not have had one.
    pub(super) watched: AtomicUsize,
    /// Changes that the keeper has not taken yet.
    pub(super) behind: AtomicUsize,
}

/// The scheduling thread's end.
pub struct Teller {
    shared: Arc<Shared>,
    keeper: mpsc::UnboundedSender<Told>,
    changes: Vec<Change>,
}

impl Teller {
    pub(super) fn new(shared: Arc<Shared>, keeper: mpsc::UnboundedSender<Told>) -> Self {
        Teller { shared, keeper, changes: Vec::new() }
    }

    /// Takes what concerns stored outputs.
    pub fn note(&mut self, rows: &[RowOp]) {
        for row in rows {
            let change = match row {
                RowOp::PutNew(Row::History { no, record })
                | RowOp::Put(Row::History { no, record }) => {
                    let output = name_of(&record.finish.output);
                    if output.is_some() {
                        // Before anything else is looked at: the row may go within this batch.
                        self.shared.watched.fetch_add(1, Ordering::Relaxed);
                    } else if matches!(row, RowOp::PutNew(_)) || !self.is_watching() {
                        continue;
                    }
                    Change { key: (record.job_no, *no), output }
                }
                RowOp::Delete(RowKey::History(job_no, no)) if self.is_watching() => {
                    Change { key: (*job_no, *no), output: None }
                }
                _ => continue,
            };
            self.changes.push(change);
        }
    }

    /// Sends what was noted. Only after the rows were pushed to the state: whoever then reads the
    /// state sees them.
    pub fn tell(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let changes = std::mem::take(&mut self.changes);
        self.shared.behind.fetch_add(changes.len(), Ordering::Relaxed);
        // The keeper only ends with the node.
        let _ = self.keeper.send(Told::Changes(changes));
    }

    /// All rows were replaced by others, which are in the state by now.
    pub fn anew(&mut self, state: &Arc<State>) {
        self.changes.clear();
        // One for the rows that are not read yet.
        self.shared.watched.fetch_add(1, Ordering::Relaxed);
        // The keeper only ends with the node.
        let _ = self.keeper.send(Told::Anew(Arc::clone(state)));
    }

    /// Changes on their way.
    pub fn behind(&self) -> usize {
        self.shared.behind.load(Ordering::Relaxed)
    }

    fn is_watching(&self) -> bool {
        self.shared.watched.load(Ordering::Relaxed) > 0
    }
}
