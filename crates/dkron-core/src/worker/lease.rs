//! How long a node may let exclusive executions run without hearing from a leader.

use core::time::Duration;

/// Between SIGTERM and SIGKILL.
pub const FENCE_GRACE: Duration = Duration::from_secs(10);
/// For clock rates and scheduling delays.
pub const FENCE_MARGIN: Duration = Duration::from_secs(5);

/// Runs from the moment the node *sent* the last acknowledged heartbeat.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lease {
    from: Option<Duration>,
    lost_after: Duration,
}

impl Lease {
    pub fn open(&mut self, now: Duration, lost_after: Duration) {
        self.from = Some(self.from.map_or(now, |from| from.max(now)));
        self.lost_after = lost_after;
    }

    pub fn renew(&mut self, sent: Duration) {
        self.from = self.from.map(|from| from.max(sent));
    }

    /// Whether exclusive executions must end now, so that they are gone before others start.
    pub fn is_over(&self, now: Duration) -> bool {
        let kept = self.lost_after.saturating_sub(FENCE_GRACE + FENCE_MARGIN);
        self.from.is_some_and(|from| now.saturating_sub(from) >= kept)
    }
}
