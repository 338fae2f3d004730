//! Fires on their way into one entry, and what is in flight with them.

use alloc::vec::Vec;

use crate::domain::{Group, JobName, JobNo, NodeName, Seq, limits};
use crate::ledger::{Decision, Fire, Place};

/// Fires, and what they decide.
#[derive(Clone, Debug, Default)]
pub(super) struct FireBatch {
    pub fires: Vec<Fire>,
    executions: usize,
    /// Jobs whose due slots are in it.
    pub jobs: Vec<(JobNo, JobName)>,
    pub children: Vec<(Group, JobNo)>,
    pub retries: Vec<Seq>,
    /// One for each place that it takes.
    pub nodes: Vec<NodeName>,
}

impl FireBatch {
    pub fn push(&mut self, fire: Fire) {
        match &fire.decision {
            Decision::Run(places) => {
                self.executions += places.len();
                self.nodes.extend(place_nodes(places));
            }
            Decision::Skip { .. } => self.executions += 1,
        }
        self.fires.push(fire);
    }

    /// Enough for one entry.
    pub fn is_full(&self) -> bool {
        self.executions >= limits::FIRE_EXECUTIONS
    }
}

/// The nodes of a decision, in the order of its places.
pub(super) fn place_nodes(places: &[Place]) -> impl Iterator<Item = NodeName> {
    places.iter().map(|place| place.target.node.clone())
}
