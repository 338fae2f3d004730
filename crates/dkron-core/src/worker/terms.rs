//! What holds for one run for as long as it goes on, whoever watches it: the part of its
//! definition that the node still needs after a restart.

use core::time::Duration;

use super::message::Run;
use crate::domain::OnLost;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// Nobody else may run while it does: it ends when the node's lease is over.
    pub exclusive: bool,
    /// It may go on when the leader has given it up.
    pub leave: bool,
    /// Silence after which it is lost; `None` = what the session says.
    pub lost_after: Option<Duration>,
    /// It is ended after this.
    pub max_runtime: Option<Duration>,
    /// Bytes of output kept: the tail.
    pub output_limit: u32,
}

impl Terms {
    /// A run that may be tried again when it is lost must be known to be over by then. One that is
    /// held is never given up, so nobody takes its place and it need not end.
    pub fn of(run: &Run) -> Terms {
        let policy = run.job.policy();
        let alone = run.job.concurrency.is_exclusive() || policy.retry.on.lost;
        Terms {
            exclusive: alone && policy.on_lost != OnLost::Hold,
            leave: policy.on_lost == OnLost::Leave,
            lost_after: policy.lost_after,
            max_runtime: policy.max_runtime,
            output_limit: run.output_limit,
        }
    }
}
