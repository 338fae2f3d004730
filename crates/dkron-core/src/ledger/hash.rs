//! One number for the whole state: equal on all replicas at the same index, or a bug.

use core::hash::{Hash, Hasher};

use super::state::Ledger;

/// Folds eight bytes with each multiplication: the same on every machine and build, which std's
/// hasher does not promise.
struct Fold(u64);

/// Odd, with bits in no order: the fraction of the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    // Numbers go in the same way whatever the machine's byte order and word are.
    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * u128::from(FACTOR);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
        // One that became zero would forget everything before it.
        self.0 = self.0.wrapping_add(FACTOR);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
}

impl Ledger {
    /// Covers the working set, not the history, and costs O(jobs): for tests and comparisons.
    pub fn state_hash(&self) -> u64 {
        let mut hasher = Fold(FACTOR);
        self.office.hash(&mut hasher);
        self.settings.hash(&mut hasher);
        (self.settled, self.paused, self.last_seq).hash(&mut hasher);
        self.jobs.hash(&mut hasher);
        self.groups.hash(&mut hasher);
        self.owed.hash(&mut hasher);
        self.processing.hash(&mut hasher);
        self.queued.hash(&mut hasher);
        self.expiring.hash(&mut hasher);
        self.requests.hash(&mut hasher);
        self.pinned.hash(&mut hasher);
        self.series.hash(&mut hasher);
        self.recent.hash(&mut hasher);
        // What came later is left out as long as there is none: the same state has the same hash on
        // servers that do not know of it.
        if self.version > 0 {
            self.version.hash(&mut hasher);
        }
        if !self.drains.is_empty() {
            self.drains.hash(&mut hasher);
        }
        if !self.pauses.is_empty() {
            self.pauses.hash(&mut hasher);
        }
        if !self.lost.is_empty() || !self.lates.is_empty() {
            (&self.lost, &self.lates).hash(&mut hasher);
        }
        if self.versions_since.0 > 0 || !self.kept.is_empty() || !self.gone.is_empty() {
            (self.versions_since, &self.kept, &self.gone).hash(&mut hasher);
        }
        if !self.keyed.is_empty() || self.activities > 0 {
            (&self.keyed, self.activities).hash(&mut hasher);
        }
        hasher.finish()
    }
}
