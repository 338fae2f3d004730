//! What a user may want beyond Dkron's fields. A job without any of it has no policy at all.

use alloc::sync::Arc;
use core::time::Duration;

use super::jitter::{mix, spread};
use super::{Seq, State};

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

impl Retry {
    /// Before the second attempt, unless the job says otherwise.
    const DELAY: Duration = Duration::from_millis(500);
    /// The longest pause, unless the job says otherwise.
    const MAX_DELAY: Duration = Duration::from_secs(60);

    /// The pause after the attempt of that number, counted from 1, that ran as `seq`.
    pub fn pause(&self, attempt: u32, seq: Seq) -> Duration {
        let delay = self.delay.unwrap_or(Retry::DELAY);
        let most = self.max_delay.unwrap_or(Retry::MAX_DELAY.max(delay));
        let grown = match self.backoff {
            Backoff::Exponential => {
                let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
                delay.saturating_mul(doubled)
            }
            Backoff::Linear => delay.saturating_mul(attempt),
            Backoff::Fixed => delay,
        };
        let jitter = u64::try_from(self.jitter.as_millis()).unwrap_or(u64::MAX);
        grown.min(most) + Duration::from_millis(spread(mix(seq.0), jitter))
    }
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

    /// As a job keeps it: nothing, if nothing is wished for.
    pub fn into_option(self) -> Option<Arc<Policy>> {
        (self != Policy::DEFAULT).then(|| Arc::new(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(retry: &Retry) -> [u64; 4] {
        [1, 2, 3, 40].map(|attempt| retry.pause(attempt, Seq(7)).as_millis() as u64)
    }

    /// Bears T-27.
    #[test]
    fn pauses_grow_as_the_job_says() {
        let mut retry = Retry::default();
        assert_eq!(pauses(&retry), [500, 1_000, 2_000, 60_000]);
        retry.delay = Some(Duration::from_secs(90));
        assert_eq!(pauses(&retry), [90_000; 4]);
        retry.max_delay = Some(Duration::from_secs(200));
        assert_eq!(pauses(&retry), [90_000, 180_000, 200_000, 200_000]);
        retry.backoff = Backoff::Linear;
        retry.delay = Some(Duration::from_secs(4));
        assert_eq!(pauses(&retry), [4_000, 8_000, 12_000, 160_000]);
        retry.backoff = Backoff::Fixed;
        assert_eq!(pauses(&retry), [4_000; 4]);
        retry.delay = Some(Duration::ZERO);
        assert_eq!(pauses(&retry), [0; 4]);
    }

    #[test]
    fn jitter_comes_on_top_and_is_the_same_each_time() {
        let (delay, jitter) = (Some(Duration::from_secs(1)), Duration::from_secs(3));
        let retry = Retry { delay, jitter, backoff: Backoff::Fixed, ..Retry::default() };
        let pauses = |seq: u64| retry.pause(1, Seq(seq));
        assert!((0..1000).all(|seq| (1_000..4_000).contains(&pauses(seq).as_millis())));
        assert!((0..1000).any(|seq| pauses(seq).as_millis() > 3_500));
        assert_eq!(pauses(5), pauses(5));
    }
}
