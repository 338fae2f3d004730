//! What will happen, in the order of virtual time; equal instants keep the order of their making.

use core::time::Duration;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dkron_core::conductor::{Fate, Request, Ticket};
use dkron_core::domain::Seq;
use dkron_core::worker::{ToLeader, ToNode};

/// Events of a process carry its life: those of an earlier one are void.
#[derive(Clone, Debug)]
pub enum Event {
    Boot,
    /// The conductor takes up what has gathered.
    Turn {
        life: u64,
    },
    /// The worker looks at the clock.
    Tick {
        life: u64,
    },
    ToNode {
        life: u64,
        connection: u64,
        message: Box<ToNode>,
    },
    ToLeader {
        life: u64,
        connection: u64,
        message: Box<ToLeader>,
    },
    Commit,
    Fate {
        life: u64,
        ticket: Ticket,
        fate: Box<Fate>,
    },
    Started {
        life: u64,
        seq: Seq,
    },
    Finished {
        life: u64,
        seq: Seq,
        killed: bool,
    },
    Processed {
        life: u64,
        seq: Seq,
    },
    Elected {
        life: u64,
    },
    /// Somebody asks for something.
    Ask(Option<Box<Request>>),
    Fault,
    /// The process ends.
    Die {
        life: u64,
    },
    Flush,
}

#[derive(Debug)]
struct Planned {
    at: Duration,
    no: u64,
    event: Event,
}

#[derive(Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Planned>>,
    last: u64,
}

impl Queue {
    pub fn push(&mut self, at: Duration, event: Event) {
        self.last += 1;
        self.heap.push(Reverse(Planned { at, no: self.last, event }));
    }

    /// The next event that is due by then.
    pub fn pop(&mut self, until: Duration) -> Option<(Duration, Event)> {
        let due = self.heap.peek().is_some_and(|next| next.0.at <= until);
        let next = if due { self.heap.pop() } else { None };
        next.map(|next| (next.0.at, next.0.event))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.no) == (other.at, other.no)
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.no).cmp(&(other.at, other.no))
    }
}
