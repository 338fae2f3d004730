//! The row store as a model: entries' rows are written together with the applied index; a crash
//! loses the newest of what was not flushed, whole entries at a time.

use std::collections::{BTreeMap, VecDeque};

use dkron_core::domain::LogIndex;
use dkron_core::ledger::{Row, RowKey, RowOp};

use crate::dice::Dice;

#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub applied: LogIndex,
    pub rows: BTreeMap<RowKey, Row>,
    unflushed: VecDeque<(LogIndex, Vec<RowOp>)>,
}

impl Disk {
    pub fn write(&mut self, index: LogIndex, rows: Vec<RowOp>) {
        self.unflushed.push_back((index, rows));
    }

    pub fn flush(&mut self) {
        while let Some((index, rows)) = self.unflushed.pop_front() {
            self.applied = index;
            store(&mut self.rows, rows);
        }
    }

    pub fn crash(&mut self, dice: &mut Dice) {
        let kept = dice.below(self.unflushed.len() as u64 + 1) as usize;
        self.unflushed.truncate(kept);
        self.flush();
    }
}

pub fn store(rows: &mut BTreeMap<RowKey, Row>, ops: Vec<RowOp>) {
    for op in ops {
        match op {
            RowOp::Put(row) | RowOp::PutNew(row) => drop(rows.insert(row.key(), row)),
            RowOp::Delete(key) => drop(rows.remove(&key)),
        }
    }
}
