//! What will happen, in the order of the world's time; equal instants keep the order of their
//! making.

use core::time::Duration;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dkron_core::conductor::{Fate, Request, Ticket};
use dkron_core::domain::Seq;
use dkron_core::worker::{ToLeader, ToNode};

use crate::consensus::Append;
use crate::machine::At;

/// Something that happens to a machine or to the world.
#[derive(Clone, Debug)]
pub enum Event {
    /// To one machine's process, whatever life it is in.
    Here(At, Local),
    /// To one life of a machine: void when that is over.
    Life(At, u64, Local),
    /// Somebody asks for something.
    Ask(Option<Box<Request>>),
    Fault,
    /// Somebody looks whether the log has a leader.
    Referee,
}

#[derive(Clone, Debug)]
pub enum Local {
    Boot,
    /// The process ends.
    Die,
    Flush,
    /// The conductor takes up what has gathered.
    Turn,
    /// Proposals get into the log.
    Enter,
    /// So much of the log of that leadership is on this disk.
    Synced {
        term: u64,
        len: usize,
    },
    /// The leader says that it is there.
    Pulse {
        term: u64,
    },
    Append(Box<Append>),
    Acked {
        by: At,
        term: u64,
        len: usize,
        sent: Duration,
    },
    /// There is a later leadership.
    Outvoted {
        term: u64,
    },
    Fate {
        ticket: Ticket,
        fate: Box<Fate>,
    },
    Processed {
        seq: Seq,
    },
    /// A look at who is there.
    Gossip,
    /// A look at the other servers' clocks.
    Compare {
        again: bool,
    },
    /// The leader's clock is wrong: that one should lead.
    HandOver {
        to: At,
    },
    ToLeader {
        from: At,
        link: u64,
        message: Box<ToLeader>,
    },
    ToNode {
        link: u64,
        message: Box<ToNode>,
    },
    /// The node asked somebody who does not lead.
    Redirect {
        link: u64,
        hint: Option<At>,
    },
    /// The worker looks at the clock.
    Tick,
    Started {
        seq: Seq,
    },
    /// The agent hears of an end.
    Fetched {
        seq: Seq,
    },
    /// An execution ends.
    Over {
        seq: Seq,
        killed: bool,
    },
    /// The runner looks at the lease.
    Watch,
    /// A frozen process goes on.
    Thaw,
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
