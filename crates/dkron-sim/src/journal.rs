//! A node's journal as a model: records keep their order; kill -9 keeps all of them, loss of power
//! takes a tail that was not flushed.

use dkron_core::domain::{BootId, JournalId};
use dkron_core::worker::JournalRecord;

use crate::dice::Dice;

#[derive(Debug, Default)]
pub struct Journal {
    pub records: Vec<JournalRecord>,
    flushed: usize,
    machine: u8,
    boots: u64,
    files: u64,
}

impl Journal {
    /// Of a machine that was just switched on for the first time.
    pub fn new(machine: usize) -> Self {
        Journal { machine: machine as u8, ..Journal::default() }
    }

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
        let (machine, boots, files) = (self.machine, self.boots, self.files + 1);
        *self = Journal { machine, boots, files, ..Journal::default() };
    }

    pub fn boot_id(&self) -> BootId {
        BootId(self.named(b'b', self.boots))
    }

    pub fn boots(&self) -> u64 {
        self.boots
    }

    pub fn journal_id(&self) -> JournalId {
        JournalId(self.named(b'j', self.files))
    }

    fn named(&self, letter: u8, number: u64) -> [u8; 16] {
        let mut bytes = [letter; 16];
        bytes[7] = self.machine;
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        bytes
    }
}
