//! A leader that no majority answers leaves the others alone now and then.
//!
//! The library does so with heartbeats. What it repeats besides, entries whose acknowledgement is
//! lost on its way, would still tell the others that there is a leader: where words arrive and
//! answers don't, nobody would ever be elected.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::metrics::{RaftDataMetrics, RaftServerMetrics};
use tokio::time::Instant;

use crate::config::Types;
use crate::options::Options;
use crate::start::Raft;

type Watch<T> = openraft::alias::WatchReceiverOf<Types, T>;

#[derive(Clone)]
pub(crate) struct Quiet {
    /// As long as others wait before they elect.
    lease: Duration,
    /// Length of a phase, of silence first and then of speech.
    phase: Duration,
    /// Filled once consensus runs; without a handle of it, which would keep it alive.
    seen: Arc<OnceLock<Seen>>,
}

struct Seen {
    data: Watch<RaftDataMetrics<Types>>,
    server: Watch<RaftServerMetrics<Types>>,
}

impl Quiet {
    pub(crate) fn new(options: &Options) -> Self {
        let (lease, phase) = (options.scaled(options.election_max), options.quorum_probe);
        Self { lease, phase: options.scaled(phase), seen: Arc::default() }
    }

    pub(crate) fn watch(&self, raft: &Raft) {
        let seen = Seen { data: raft.data_metrics(), server: raft.server_metrics() };
        // Called once.
        let _ = self.seen.set(seen);
    }

    /// Whether nothing is sent at present over a line that exists since then.
    pub(crate) fn holds(&self, since: Instant) -> bool {
        let Some(seen) = self.seen.get() else { return false };
        let server = seen.server.borrow_watched();
        if server.membership_config.voter_ids().all(|id| id == server.id) {
            return false;
        }
        let acked = seen.data.borrow_watched().last_quorum_acked;
        let age = acked.map_or(Duration::MAX, |at| at.elapsed()).min(since.elapsed());
        is_silent(age, self.lease, self.phase)
    }
}

/// By the time since a majority was heard.
fn is_silent(age: Duration, lease: Duration, phase: Duration) -> bool {
    let Some(lost) = age.checked_sub(lease) else { return false };
    (lost.as_millis() / phase.as_millis().max(1)).is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_speech_take_turns_once_the_lease_is_over() {
        let silent = |millis| {
            let (age, lease) = (Duration::from_millis(millis), Duration::from_millis(600));
            is_silent(age, lease, Duration::from_millis(1500))
        };
        assert!([0, 599].into_iter().all(|age| !silent(age)));
        assert!([600, 2099, 3600].into_iter().all(silent));
        assert!([2100, 3599, 5100].into_iter().all(|age| !silent(age)));
    }
}
