//! Whether the leader itself stood still, as a stopped process or a paused machine does. It heard
//! nobody meanwhile, so the silence of others says nothing until they had time to speak.

use core::time::Duration;

/// It never asks to sleep for so long. A node speaks each second and counts as silent after three,
/// so a shorter pause makes none silent.
const PAUSE: Duration = Duration::from_millis(1_500);

#[derive(Clone, Debug, Default)]
pub(super) struct Awake {
    looked_at: Duration,
    since: Duration,
}

impl Awake {
    pub fn look(&mut self, mono: Duration) {
        if mono.saturating_sub(self.looked_at) > PAUSE {
            self.since = mono;
        }
        self.looked_at = mono;
    }

    /// On the monotonic clock.
    pub fn since(&self) -> Duration {
        self.since
    }
}
