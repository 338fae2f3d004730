//! What reaches the scheduling thread beside committed entries and requests.

use dkron_core::conductor::{Fate, Ticket};
use dkron_core::domain::{NodeName, Output, Seq};
use dkron_core::worker::ToLeader;

/// The number of these in flight is bounded by their causes: runs, proposals, processors.
pub enum Event {
    Leadership(bool),
    Fate { ticket: Ticket, fate: Fate },
    FromNode { node: NodeName, message: Box<ToLeader> },
    Processed { seq: Seq, output: Output, dropped: u64 },
    Stop,
}
