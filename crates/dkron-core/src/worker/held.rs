//! What a node knows of one execution.

use alloc::boxed::Box;
use core::time::Duration;

use super::journal::Process;
use super::message::{Known, Statement};
use super::terms::Terms;
use crate::domain::{EndReason, Finish, Now, Seq, State, Timestamp};

/// See the module.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Running(Going),
    Finished {
        finish: Box<Finish>,
        end_acked: bool,
        output_acked: bool,
    },
    /// Accepted by an earlier life of the agent, which took it along.
    Gone,
}

/// An execution that goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Going {
    pub terms: Terms,
    pub started_at: Option<Timestamp>,
    pub process: Option<Process>,
    /// When it has run for as long as it may, by the node's steady clock.
    pub deadline: Option<Duration>,
    /// Why the node ends it.
    pub ending: Option<EndReason>,
}

impl Held {
    pub fn finished(finish: Box<Finish>) -> Held {
        Held::Finished { finish, end_acked: false, output_acked: false }
    }

    pub fn statement(&self, seq: Seq) -> Statement {
        let known = match self {
            Held::Running(going) => Known::Running { started_at: going.started_at },
            Held::Finished { .. } => Known::Finished,
            Held::Gone => Known::Gone,
        };
        Statement { seq, known }
    }
}

impl Going {
    pub fn start(&mut self, now: Now, at: Timestamp, process: Option<Process>) {
        self.started_at = Some(at);
        self.process = process;
        // What it ran in an earlier life of the agent only the wall clock knows.
        let ran = now.wall.since(at);
        let left = self.terms.max_runtime.map(|most| most.saturating_sub(ran));
        self.deadline = left.map(|left| now.mono.saturating_add(left));
    }

    /// Whether the reason was taken: a cancellation stands above all others, else the first does.
    pub fn end(&mut self, reason: EndReason) -> bool {
        let taken = match self.ending {
            None => true,
            Some(before) => is_cancellation(reason) && !is_cancellation(before),
        };
        if taken {
            self.ending = Some(reason);
        }
        taken
    }

    /// What the node ended itself ended for its reason, whatever its executor says.
    pub fn judge(&self, finish: &mut Finish) {
        if let Some(reason) = self.ending {
            (finish.state, finish.reason) = (state_of(reason), reason);
        }
    }
}

/// The end of an execution of which nothing is left but that it was to end.
pub(super) fn cancelled(now: Now, started_at: Option<Timestamp>, reason: EndReason) -> Box<Finish> {
    let (state, finished_at) = (state_of(reason), now.wall);
    Box::new(Finish { state, reason, started_at, finished_at, ..Finish::default() })
}

pub(super) const fn is_cancellation(reason: EndReason) -> bool {
    matches!(reason, EndReason::Cancelled | EndReason::Replaced)
}

const fn state_of(reason: EndReason) -> State {
    match reason {
        EndReason::Cancelled | EndReason::Replaced => State::Cancelled,
        EndReason::MaxRuntime => State::TimedOut,
        _ => State::Failed,
    }
}
