//! The log on one server's disk, and how it is brought in line with another one's.

use std::sync::Arc;

use dkron_core::conductor::Ticket;
use dkron_core::domain::{LogIndex, RequestId, Tenure, Timestamp};
use dkron_core::ledger::{Command, Entry};

use crate::dice::Dice;

/// What somebody wants in the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Proposal {
    pub life: u64,
    pub ticket: Ticket,
    pub at: Timestamp,
    pub tenure: Tenure,
    pub command: Command,
}

/// One position.
#[derive(Clone, Debug)]
pub struct Slot {
    pub term: u64,
    /// None = the mark with which a leadership begins; the ledger never sees it.
    pub proposal: Option<Arc<Proposal>>,
}

#[derive(Clone, Debug, Default)]
pub struct Log {
    pub slots: Vec<Slot>,
    /// So many of them outlive a crash for sure.
    pub durable: usize,
    /// No leadership before this one is obeyed.
    pub promised: u64,
    /// Counts for majorities. A server that lost its disk does not, until it has caught up.
    pub voter: bool,
    /// The leadership that made it count again: what earlier ones heard of it, it has forgotten.
    pub since: u64,
}

impl Log {
    /// Whether a leadership may count on what it says.
    pub fn counts(&self, term: u64) -> bool {
        self.voter && self.since <= term
    }

    /// What an election compares.
    pub fn rank(&self) -> (u64, usize) {
        let slots = &self.slots[..self.durable];
        (slots.last().map_or(0, |slot| slot.term), slots.len())
    }

    pub fn term_before(&self, len: usize) -> u64 {
        if len == 0 { 0 } else { self.slots[len - 1].term }
    }

    /// How far two logs are the same: equal terms at a position mean equal logs up to it.
    pub fn shared(&self, other: &Log) -> usize {
        let mut len = self.slots.len().min(other.slots.len());
        while self.term_before(len) != other.term_before(len) {
            len -= 1;
        }
        len
    }

    /// Takes a leader's slots behind `len`; false if what lies before them is not the leader's.
    pub fn take(&mut self, len: usize, term: u64, slots: &[Slot]) -> bool {
        if self.slots.len() < len || self.term_before(len) != term {
            return false;
        }
        for (at, slot) in slots.iter().enumerate() {
            let at = len + at;
            if self.slots.get(at).is_some_and(|own| own.term != slot.term) {
                self.slots.truncate(at);
            }
            if at == self.slots.len() {
                self.slots.push(slot.clone());
            }
        }
        self.durable = self.slots.len();
        true
    }

    /// What was not durable is there in part.
    pub fn crash(&mut self, dice: &mut Dice) {
        let kept = dice.between(self.durable as u64, self.slots.len() as u64) as usize;
        self.slots.truncate(kept);
        self.durable = kept;
    }
}

/// The entry of a committed slot; `index` counts from 1.
pub fn entry(index: usize, proposal: &Proposal) -> Entry {
    Entry {
        index: LogIndex(index as u64),
        at: proposal.at,
        tenure: proposal.tenure,
        request: Some(request(proposal.life, proposal.ticket)),
        command: proposal.command.clone(),
    }
}

/// The id under which an entry carries its proposal's ticket: unique over all lives.
pub fn request(life: u64, ticket: Ticket) -> RequestId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&life.to_be_bytes());
    bytes[8..].copy_from_slice(&ticket.0.to_be_bytes());
    RequestId(bytes)
}

/// The inverse.
pub fn ticket(id: RequestId) -> (u64, Ticket) {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
    (number(&id.0[..8]), Ticket(number(&id.0[8..])))
}
