//! Fires on their way into one entry, and what is in flight with them.

use alloc::vec::Vec;

use crate::domain::{Group, JobName, JobNo, NodeName, Seq, limits};
use crate::ledger::{Decision, Fire, Place};

/// Fires, and what they decide.
#[derive(Clone, Debug, Default)]
pub(super) struct FireBatch {
    pub fires: Vec<Fire>,
    /// Its slots are caught up.
    pub late: bool,
    executions: usize,
    /// Jobs whose due slots are in it.
    pub jobs: Vec<(JobNo, JobName)>,
    pub children: Vec<(Group, JobNo)>,
    pub retries: Vec<Seq>,
    /// One for each place that it takes.
    pub nodes: Vec<NodeName>,
}

impl FireBatch {
    /// Without any fire yet, for slots that are caught up.
    pub fn of_late() -> Self {
        FireBatch { late: true, ..FireBatch::default() }
    }

    /// All that it holds; it goes on empty.
    pub fn take(&mut self) -> Self {
        let late = self.late;
        core::mem::replace(self, FireBatch { late, ..FireBatch::default() })
    }

    pub fn push(&mut self, fire: Fire) {
        self.executions += executions(&fire.decision);
        if let Decision::Run(places) = &fire.decision {
            self.nodes.extend(place_nodes(places));
        }
        self.fires.push(fire);
    }

    /// Whether it fits into the same entry. An occurrence stays whole, so the first always does.
    pub fn has_room(&self, fire: &Fire) -> bool {
        let all = self.executions + executions(&fire.decision);
        self.fires.is_empty() || all <= limits::FIRE_EXECUTIONS
    }
}

/// Executions that a decision makes; a skip counts as one.
pub(super) fn executions(decision: &Decision) -> usize {
    match decision {
        // One that only waits for its turn has no places yet.
        Decision::Run(places) => places.len().max(1),
        Decision::Skip { .. } => 1,
    }
}

/// The nodes of a decision, in the order of its places.
pub(super) fn place_nodes(places: &[Place]) -> impl Iterator<Item = NodeName> {
    places.iter().map(|place| place.target.node.clone())
}
