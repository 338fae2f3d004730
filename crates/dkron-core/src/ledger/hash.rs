//! One number for the whole state: equal on all replicas at the same index, or a bug.

use core::hash::{Hash, Hasher};

use super::state::Ledger;

/// FNV-1a, 64 bits: the same on every machine and build, which std's hasher does not promise.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    // Numbers go in with the same bytes whatever the machine's byte order and word are.
    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
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
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
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
        if !self.lost.is_empty() || !self.lates.is_empty() {
            (&self.lost, &self.lates).hash(&mut hasher);
        }
        hasher.finish()
    }
}
