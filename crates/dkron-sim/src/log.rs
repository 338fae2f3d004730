//! The replicated log as a model: proposals wait, are refused, are committed in order, or end
//! without anybody knowing how. What is committed stays for ever.

use core::time::Duration;
use std::collections::VecDeque;

use dkron_core::conductor::Ticket;
use dkron_core::domain::{LogIndex, RequestId, Tenure, Timestamp};
use dkron_core::ledger::{Command, Entry};

/// A proposal that waits for its commit.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub due: Duration,
    pub life: u64,
    pub ticket: Ticket,
    pub at: Timestamp,
    pub tenure: Tenure,
    pub command: Command,
    /// The proposer learns the reply.
    pub told: bool,
}

#[derive(Debug, Default)]
pub struct Log {
    pub entries: Vec<Entry>,
    /// Users' commands and the conductor's, each in order.
    lanes: [VecDeque<Waiting>; 2],
}

impl Log {
    /// Takes a proposal up; its commit is not before that of an earlier one of its lane.
    pub fn push(&mut self, mut waiting: Waiting) -> Duration {
        let lane = &mut self.lanes[usize::from(waiting.tenure != Tenure(0))];
        if let Some(last) = lane.back() {
            waiting.due = waiting.due.max(last.due);
        }
        let due = waiting.due;
        lane.push_back(waiting);
        due
    }

    /// The next proposal whose time has come.
    pub fn pop(&mut self, now: Duration) -> Option<Waiting> {
        let first = |lane: &VecDeque<Waiting>| lane.front().map(|first| first.due);
        let lane = match (first(&self.lanes[0]), first(&self.lanes[1])) {
            (Some(user), Some(own)) => usize::from(own <= user),
            (Some(_), None) => 0,
            (None, _) => 1,
        };
        self.lanes[lane].pop_front_if(|waiting| waiting.due <= now)
    }

    /// Everything commits later.
    pub fn stall(&mut self, until: Duration) {
        for waiting in self.lanes.iter_mut().flatten() {
            waiting.due = waiting.due.max(until);
        }
    }

    /// The process died: what it had not committed, in any order of the lanes.
    pub fn abandon(&mut self) -> Vec<Waiting> {
        let mut all: Vec<Waiting> = self.lanes.iter_mut().flat_map(|lane| lane.drain(..)).collect();
        all.sort_by_key(|waiting| waiting.due);
        all
    }

    pub fn append(&mut self, waiting: &Waiting) -> Entry {
        let entry = Entry {
            index: LogIndex(self.entries.len() as u64 + 1),
            at: waiting.at,
            tenure: waiting.tenure,
            request: Some(request(waiting.life, waiting.ticket)),
            command: waiting.command.clone(),
        };
        self.entries.push(entry.clone());
        entry
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
