//! A node's journal as a model: records keep their order; kill -9 keeps all of them, loss of power
//! takes a tail that was not flushed.

use dkron_core::domain::{BootId, JournalId};
use dkron_core::worker::JournalRecord;

use crate::dice::Dice;

#[derive(Debug, Default)]
pub struct Journal {
    pub records: Vec<JournalRecord>,
    flushed: usize,
    boots: u64,
    files: u64,
}

impl Journal {
    pub fn write(&mut self, record: JournalRecord) {
        self.records.push(record);
    }

    pub fn flush(&mut self) {
        self.flushed = self.records.len();
    }

    /// Replaces the file by a shorter one that says the same.
    pub fn compact(&mut self, records: Vec<JournalRecord>) {
        self.records = records;
        self.flush();
    }

    pub fn power_loss(&mut self, dice: &mut Dice) {
        self.boots += 1;
        let kept = dice.between(self.flushed as u64, self.records.len() as u64);
        self.records.truncate(kept as usize);
        self.flush();
    }

    /// The file is gone: the node forgot everything and knows it.
    pub fn vanish(&mut self) {
        *self = Journal { boots: self.boots, files: self.files + 1, ..Journal::default() };
    }

    pub fn boot_id(&self) -> BootId {
        BootId(named(b'b', self.boots))
    }

    pub fn boots(&self) -> u64 {
        self.boots
    }

    pub fn journal_id(&self) -> JournalId {
        JournalId(named(b'j', self.files))
    }
}

fn named(letter: u8, number: u64) -> [u8; 16] {
    let mut bytes = [letter; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}
