//! A node's journal in memory: it keeps all when the process dies, and loses a tail, or all, with
//! the power; then the boot is another one.

use std::sync::{Arc, Mutex, MutexGuard};

use dkron_core::domain::{BootId, JournalId};
use dkron_core::worker::JournalRecord;
use dkron_sim::Dice;

use super::process::Process;
use crate::hands::Records;

#[derive(Default)]
struct Content {
    records: Vec<Vec<u8>>,
    /// So many survive a loss of power.
    flushed: usize,
    boots: u8,
    journals: u8,
}

/// A machine's; clones share it.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Content>>);

impl Journal {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }

    pub fn records(&self) -> Vec<JournalRecord> {
        let content = self.content();
        let read = |bytes: &Vec<u8>| dkron_wire::decode_journal(bytes).expect("a whole record");
        content.records.iter().map(read).collect()
    }

    pub fn boot_id(&self, at: usize) -> BootId {
        let mut id = [at as u8; 16];
        id[15] = self.content().boots;
        BootId(id)
    }

    pub fn journal_id(&self, at: usize) -> JournalId {
        let mut id = [at as u8; 16];
        id[15] = self.content().journals;
        JournalId(id)
    }

    pub fn flush(&self) {
        let mut content = self.content();
        content.flushed = content.records.len();
    }

    pub fn lose_power(&self, dice: &mut Dice) {
        let mut content = self.content();
        content.boots += 1;
        let open = content.records.len() - content.flushed.min(content.records.len());
        let kept = content.flushed + dice.below(open as u64 + 1) as usize;
        content.records.truncate(kept);
        if dice.percent(10) {
            content.records.clear();
            content.journals += 1;
        }
        content.flushed = content.records.len();
    }

    /// A planted bug.
    pub fn forget(&self) {
        self.content().records.clear();
    }
}

/// The file of one life.
pub struct File {
    pub journal: Journal,
    pub process: Arc<Process>,
}

impl Records for File {
    fn append(&mut self, record: &[u8]) -> Result<(), dkron_store::Error> {
        if self.process.is_dead() {
            return Ok(());
        }
        self.journal.content().records.push(record.to_vec());
        let read = dkron_wire::decode_journal(record).expect("a whole record");
        let at = self.process.at;
        self.process.world.with(|world| world.judge.oracle.truth.wrote(at, &read));
        Ok(())
    }

    fn len_bytes(&self) -> u64 {
        self.journal.content().records.iter().map(|record| record.len() as u64).sum()
    }

    fn rewrite(&mut self, records: &[Vec<u8>]) -> Result<(), dkron_store::Error> {
        if !self.process.is_dead() {
            let mut content = self.journal.content();
            content.records = records.to_vec();
            content.flushed = content.records.len();
        }
        Ok(())
    }
}
