//! What a user may want beyond Dkron's fields. A job without any of it has no policy at all.

use core::time::Duration;

use super::State;

/// Wishes of one job; what is not said is the cluster's, or the default named here.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Policy {
    /// Occurrences that wait at most, with `Concurrency::Queue`; 0 = `limits::QUEUE_DEPTH`.
    pub queue_depth: u32,
    pub misfire: Option<Misfire>,
    /// A slot at most this late fires as if it were on time.
    pub misfire_threshold: Option<Duration>,
    /// A missed slot, a retry or a queued occurrence does not start later than this.
    pub start_deadline: Option<Duration>,
    pub retry: Retry,
    pub dst: Dst,
    /// Each slot is due up to this much after its nominal instant, by a number that follows from
    /// job and instant.
    pub jitter: Duration,
    /// A run is ended after this.
    pub max_runtime: Option<Duration>,
    pub on_lost: OnLost,
    /// Silence of a node after which its executions are lost.
    pub lost_after: Option<Duration>,
    /// Finished executions kept, by number and by age.
    pub keep_executions: Option<u32>,
    pub keep_for: Option<Duration>,
    /// Bytes of output kept of one execution: the tail.
    pub output_limit: Option<u32>,
}

/// What becomes of slots that are later than the threshold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Misfire {
    /// All are recorded as missed.
    Skip,
    /// The latest runs if it is not later than the start deadline.
    #[default]
    RunOnce,
    /// The latest of them run, in order, at most so many.
    RunAll { max: u32 },
}

/// How a failed attempt is tried again; how often stands in `Job::retries`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Retry {
    /// Before the second attempt; `None` = half a second.
    pub delay: Option<Duration>,
    pub backoff: Backoff,
    /// No pause is longer; `None` = a minute, or `delay` where that is longer.
    pub max_delay: Option<Duration>,
    /// Up to this is added to each pause, by a number that follows from the attempt.
    pub jitter: Duration,
    pub node: RetryNode,
    pub on: RetryOn,
}

/// How the pauses between attempts grow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Backoff {
    /// Doubled with each attempt.
    #[default]
    Exponential,
    /// `delay` more with each attempt.
    Linear,
    Fixed,
}

/// Where the next attempt runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RetryNode {
    /// On the same node, or on another that matches when it is not there.
    #[default]
    Prefer,
    /// On the same node only: it waits for it.
    Same,
    /// On another that matches, as long as there is one.
    Other,
    /// On the least loaded that matches.
    Any,
}

/// Which ends are tried again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RetryOn {
    pub failed: bool,
    pub timed_out: bool,
    /// Makes the run self-fencing like `forbid`: only so can it be known to be over.
    pub lost: bool,
}

impl Default for RetryOn {
    fn default() -> Self {
        RetryOn::DEFAULT
    }
}

impl RetryOn {
    /// What failed by its own verdict or ran too long.
    pub const DEFAULT: RetryOn = RetryOn { failed: true, timed_out: true, lost: false };

    pub const fn covers(self, state: State) -> bool {
        match state {
            State::Failed => self.failed,
            State::TimedOut => self.timed_out,
            State::Lost => self.lost,
            _ => false,
        }
    }
}

/// What a change of the clocks does to slots of fixed hours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Dst {
    /// A skipped wall time does not fire, a repeated one fires twice.
    #[default]
    Dkron,
    /// Skipped wall times fire once, at the end of the gap; a repeated one fires once, at first.
    Once,
}

/// What becomes of a run whose node is silent for too long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OnLost {
    /// It is lost, its slot is free, and it is ended should it still be found.
    #[default]
    Kill,
    /// As `Kill`, but a process that is found alive may go on.
    Leave,
    /// It is not given up and keeps the slot until its node or an operator says that it is over.
    Hold,
}

impl Policy {
    pub const DEFAULT: Policy = Policy {
        queue_depth: 0,
        misfire: None,
        misfire_threshold: None,
        start_deadline: None,
        retry: Retry {
            delay: None,
            backoff: Backoff::Exponential,
            max_delay: None,
            jitter: Duration::ZERO,
            node: RetryNode::Prefer,
            on: RetryOn::DEFAULT,
        },
        dst: Dst::Dkron,
        jitter: Duration::ZERO,
        max_runtime: None,
        on_lost: OnLost::Kill,
        lost_after: None,
        keep_executions: None,
        keep_for: None,
        output_limit: None,
    };
}
