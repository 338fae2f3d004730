//! What reaches the scheduling thread beside committed entries and requests.

use std::collections::BTreeMap;

use dkron_core::conductor::{Fate, RosterMember, Ticket};
use dkron_core::domain::{HistoryNo, JobNo, NodeName, Output, Seq};
use dkron_core::worker::ToLeader;
use dkron_raft::Epoch;
use tokio::sync::OwnedSemaphorePermit;

use crate::snapshot::Installed;

/// The number of these in flight is bounded by their causes: runs, proposals,
/// processors, and pages of the walk over old executions.
pub enum Event {
    /// Which leadership this server has, if it has one.
    Leadership(Option<Epoch>),
    Fate {
        ticket: Ticket,
        fate: Fate,
    },
    /// Of this server's own worker.
    FromNode {
        node: NodeName,
        message: Box<ToLeader>,
    },
    /// Of another node: what came in one frame. `room` is what that took of the room for news of
    /// this node that were not looked at.
    FromAfar {
        node: NodeName,
        messages: Vec<ToLeader>,
        room: OwnedSemaphorePermit,
    },
    /// As `Input::Parted`.
    Parted(NodeName),
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
    /// Members changed: all that have not left.
    Roster(BTreeMap<NodeName, RosterMember>),
    /// As `Input::Clocks`.
    Clocks {
        voters: usize,
        offsets: Vec<(NodeName, i64)>,
    },
    /// As `Input::Versions`.
    Versions(Option<u32>),
    /// Rows of another server took the place of all rows.
    Installed(Box<Installed>),
    Stop,
}
