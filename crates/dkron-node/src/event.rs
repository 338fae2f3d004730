//! What reaches the scheduling thread beside committed entries and requests.

use dkron_core::conductor::{Fate, Ticket};
use dkron_core::domain::{HistoryNo, JobNo, NodeName, Output, Seq};
use dkron_core::worker::ToLeader;

/// The number of these in flight is bounded by their causes: runs, proposals,
/// processors, and pages of the walk over old executions.
pub enum Event {
    Leadership(bool),
    Fate {
        ticket: Ticket,
        fate: Fate,
    },
    FromNode {
        node: NodeName,
        message: Box<ToLeader>,
    },
    Processed {
        seq: Seq,
        output: Output,
        dropped: u64,
    },
    /// Finished executions of the job before that one are too old.
    TooOld {
        job_no: JobNo,
        first: HistoryNo,
    },
    Stop,
}
