//! A column of instants, of which there may be none, without room lost between them.

use dkron_core::domain::Timestamp;

const NONE: u32 = u32::MAX;
/// Turns signed seconds into unsigned ones of the same order.
const TURN: u64 = 1 << 63;

#[derive(Default)]
pub struct Times {
    secs: Vec<u64>,
    nanos: Vec<u32>,
}

impl Times {
    pub fn push(&mut self) {
        self.secs.push(0);
        self.nanos.push(NONE);
    }

    pub fn set(&mut self, slot: u32, at: Option<Timestamp>) {
        let slot = slot as usize;
        (self.secs[slot], self.nanos[slot]) = match at {
            Some(at) => (at.secs().cast_unsigned() ^ TURN, at.nanos()),
            None => (0, NONE),
        };
    }

    pub fn get(&self, slot: u32) -> Option<Timestamp> {
        let slot = slot as usize;
        let secs = (self.secs[slot] ^ TURN).cast_signed();
        (self.nanos[slot] != NONE).then(|| Timestamp::new(secs, self.nanos[slot]))
    }

    /// What lists sort by: never comes first.
    pub fn key(&self, slot: u32) -> (u64, u32) {
        let slot = slot as usize;
        // Nobody has an instant of the first second of all.
        (self.secs[slot], if self.nanos[slot] == NONE { 0 } else { self.nanos[slot] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_back_and_keep_their_order() {
        let times = [
            None,
            Some(Timestamp::YEAR_ONE),
            Some(Timestamp::new(-1, 5)),
            Some(Timestamp::new(0, 0)),
            Some(Timestamp::new(0, 1)),
            Some(Timestamp::MAX),
        ];
        let mut column = Times::default();
        for (slot, at) in (0..).zip(times) {
            column.push();
            column.set(slot, at);
            assert_eq!(column.get(slot), at);
        }
        let keys: Vec<_> = (0..6).map(|slot| column.key(slot)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    }
}
