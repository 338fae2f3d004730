//! Proposals on their way into a server's log: users' and the conductor's, each in order.

use core::time::Duration;
use std::collections::VecDeque;

use dkron_core::domain::Tenure;

use crate::log::Proposal;

/// A proposal that is not in the log before `due`.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub due: Duration,
    pub proposal: Proposal,
}

#[derive(Debug, Default)]
pub struct Lanes([VecDeque<Waiting>; 2]);

impl Lanes {
    /// Takes a proposal up, not before an earlier one of its lane; when it is due.
    pub fn push(&mut self, mut waiting: Waiting) -> Duration {
        let lane = &mut self.0[usize::from(waiting.proposal.tenure != Tenure(0))];
        if let Some(last) = lane.back() {
            waiting.due = waiting.due.max(last.due);
        }
        let due = waiting.due;
        lane.push_back(waiting);
        due
    }

    /// The next proposal whose time has come.
    pub fn pop(&mut self, now: Duration) -> Option<Proposal> {
        let first = |lane: &VecDeque<Waiting>| lane.front().map(|first| first.due);
        let lane = match (first(&self.0[0]), first(&self.0[1])) {
            (Some(user), Some(own)) => usize::from(own <= user),
            (Some(_), None) => 0,
            (None, _) => 1,
        };
        let next = self.0[lane].pop_front_if(|waiting| waiting.due <= now);
        next.map(|waiting| waiting.proposal)
    }

    /// Everything waits longer.
    pub fn stall(&mut self, until: Duration) {
        for waiting in self.0.iter_mut().flatten() {
            waiting.due = waiting.due.max(until);
        }
    }
}
