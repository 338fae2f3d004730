//! One machine: a node, perhaps with a server beside it. What its disk holds outlives its process.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use dkron_core::conductor::{Conductor, Input, RosterMember};
use dkron_core::domain::{NodeName, Now};
use dkron_core::ledger::{Entry, Ledger};
use dkron_core::worker::Worker;

use crate::clock::Clock;
use crate::disk::Disk;
use crate::executor::Executor;
use crate::invariants::clocks::Clocks;
use crate::journal::Journal;
use crate::lanes::Lanes;
use crate::log::Log;
use crate::queue::Event;

/// Number of a machine.
pub type At = usize;

#[derive(Debug)]
pub struct Machine {
    pub name: NodeName,
    pub clock: Clock,
    pub journal: Journal,
    /// The boot under which its journal was last opened.
    pub booted: u64,
    pub executor: Executor,
    /// The newest cluster version that its build knows.
    pub version: u32,
    pub tags: BTreeMap<String, String>,
    /// It left the cluster, though its process goes on.
    pub left: bool,
    /// None = an agent.
    pub server: Option<Server>,
    pub process: Option<Process>,
    /// Nothing in the process goes on before.
    pub frozen_until: Duration,
    /// What happened to the process meanwhile.
    pub backlog: Vec<Event>,
}

/// What a server keeps on its disk.
#[derive(Debug, Default)]
pub struct Server {
    pub rows: Disk,
    pub log: Log,
}

/// What a crash takes along.
#[derive(Debug)]
pub struct Process {
    /// Unique among all lives of all machines.
    pub life: u64,
    pub worker: Worker,
    pub seat: Seat,
    pub brain: Option<Box<Brain>>,
}

/// Where the node looks for its leader.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seat {
    /// Names the connection: messages of an older one never arrive.
    pub link: u64,
    pub server: At,
    /// Who leads, as a server said.
    pub hint: Option<At>,
}

/// What waits for the conductor's next turn.
#[derive(Debug)]
pub enum Incoming {
    Entry(Box<Entry>),
    Input(Box<Input>),
}

/// The server's half of a process.
#[derive(Debug)]
pub struct Brain {
    pub at: At,
    pub life: u64,
    pub ledger: Ledger,
    pub conductor: Conductor,
    pub inbox: VecDeque<Incoming>,
    pub turn_at: Option<Duration>,
    /// The conductor does not get the processor before.
    pub stalled_until: Duration,
    /// When the conductor could first know that the wall clock had been set forward.
    pub stepped_at: Option<Duration>,
    /// Wall minus monotonic clock at its last look, in nanoseconds.
    pub offset: Option<i128>,
    pub roster: BTreeMap<NodeName, RosterMember>,
    /// The members as its conductor was last told.
    pub known: BTreeMap<NodeName, RosterMember>,
    /// What its conductor should know of the clocks.
    pub clocks: Clocks,
    /// Looks in a row at which a member was not to be reached.
    pub missed: BTreeMap<At, u32>,
    /// Connections of nodes that said hello here.
    pub links: BTreeMap<At, u64>,
    pub lanes: Lanes,
    pub lead: Option<Lead>,
    /// The leadership that the conductor knows of.
    pub elected: Option<u64>,
    /// When the lease was first seen to be over, while the conductor did not know.
    pub over_since: Option<Duration>,
    /// Not a leader before, whatever the log says.
    pub flapped_until: Duration,
    /// So many entries are known to be committed, and so many were handed to the ledger.
    pub commit: usize,
    pub applied: usize,
}

/// A leadership as the log sees it.
#[derive(Clone, Debug)]
pub struct Lead {
    pub term: u64,
    /// Entries that each server is known to hold.
    pub matched: BTreeMap<At, usize>,
    /// When the latest acknowledged message to each server was sent.
    pub acked: BTreeMap<At, Duration>,
}

impl Brain {
    /// What the conductor can know of the wall clock; a new leadership begins without memory.
    pub fn look(&mut self, now: Now, forgets: bool) {
        let offset = now.wall.unix_nanos() - now.mono.as_nanos() as i128;
        let before = self.offset.replace(offset);
        if before.is_some_and(|before| offset - before >= 2_000_000_000) {
            self.stepped_at = Some(now.mono);
        }
        if forgets {
            (self.offset, self.stepped_at) = (None, None);
        }
    }
}
