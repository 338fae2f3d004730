//! Executions across jobs: what is asked for, and a page of the answer.

use dkron_core::domain::{JobName, NodeName, Seq, State, Timestamp};

use super::ExecutionView;

/// Which executions of all jobs. Everything is ANDed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentQuery {
    /// Any of these; empty = all states.
    pub states: Vec<State>,
    /// What the name of the job begins with; empty = any.
    pub job: String,
    pub node: Option<NodeName>,
    /// Ended at this instant or after it; begun, where it goes on.
    pub from: Option<Timestamp>,
    /// The same before this.
    pub to: Option<Timestamp>,
    /// At most so many, and never more than a thousand.
    pub limit: usize,
    /// How many bytes of each output's end are shown.
    pub tail: usize,
    /// Where the page before ended.
    pub cursor: Option<RecentCursor>,
}

/// A place between two executions, which stays where it is while new ones come and others end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecentCursor {
    /// Among those that went on when the walk began: below that number. What ended since then has
    /// pointers from `since` on.
    Live { below: Seq, since: u64 },
    /// Among those that had ended: pointers below that one.
    Ended { below: u64 },
}

/// A part of the executions of all jobs, newest first.
#[derive(Clone, Debug, Default)]
pub struct RecentPage {
    pub executions: Vec<RecentItem>,
    /// For the next page; `None` = there is none.
    pub cursor: Option<RecentCursor>,
}

/// One of them, its output cut to the tail that was asked for.
#[derive(Clone, Debug)]
pub struct RecentItem {
    pub view: ExecutionView,
    /// Bytes of output that are kept; of what goes on nobody knows.
    pub kept: Option<u64>,
}

impl RecentQuery {
    /// Whether an execution is one of those; its time is compared by whoever knows which it is.
    pub fn fits(&self, state: State, job: &JobName, node: &NodeName) -> bool {
        (self.states.is_empty() || self.states.contains(&state))
            && job.as_str().starts_with(&self.job)
            && self.node.as_ref().is_none_or(|wanted| wanted == node)
    }

    pub fn within(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }

    /// Whether anything that goes on can be one of those.
    pub fn wants_live(&self) -> bool {
        let walks = !matches!(self.cursor, Some(RecentCursor::Ended { .. }));
        walks && (self.states.is_empty() || self.states.iter().any(|state| !state.is_terminal()))
    }

    /// Whether anything that has ended can be one of those.
    pub fn wants_ended(&self) -> bool {
        self.states.is_empty() || self.states.iter().any(|state| state.is_terminal())
    }
}
