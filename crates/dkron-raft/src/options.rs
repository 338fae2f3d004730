//! What a server may tune of consensus; plain data, read from files and flags by the front door.

use std::time::Duration;

/// Timings are given at multiplier 1 and grow with `multiplier`, for slow or distant networks.
#[derive(Debug, Clone)]
pub struct Options {
    /// Random identity of this server, kept in its data directory.
    pub node_id: u64,
    pub multiplier: u32,
    pub heartbeat: Duration,
    pub election_min: Duration,
    pub election_max: Duration,
    /// A leader counts as such this long after it sent what a quorum acknowledged. Always
    /// shorter than `election_max`, the time for which a follower refuses to elect another.
    pub leader_lease: Duration,
    /// Length of the phases of silence and probing of a leader that lost its quorum.
    pub quorum_probe: Duration,
    pub install_snapshot_timeout: Duration,
    /// The log keeps at least this many bytes of applied entries ...
    pub keep_bytes: u64,
    /// ... and at least what was appended in this time, whichever is more.
    pub keep_age: Duration,
    /// How often the log is looked at for purging.
    pub retention_interval: Duration,
    /// Proposals of users that may be under way at a time; the next one is refused.
    pub api_slots: usize,
    /// Room of its own for the conductor, which users cannot take.
    pub conductor_slots: usize,
    /// Bytes under way, per lane.
    pub lane_bytes: usize,
    pub entry_bytes_max: usize,
    /// `propose` answers `Unknown` after this time.
    pub propose_patience: Duration,
    /// Entries in one batch for the owner of the ledger.
    pub apply_batch_max: usize,
}

impl Options {
    #[must_use]
    pub fn new(node_id: u64) -> Self {
        Self {
            node_id,
            multiplier: 1,
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(600),
            leader_lease: Duration::from_millis(500),
            quorum_probe: Duration::from_millis(1500),
            install_snapshot_timeout: Duration::from_secs(600),
            keep_bytes: 256 << 20,
            keep_age: Duration::from_secs(600),
            retention_interval: Duration::from_secs(10),
            api_slots: 4096,
            conductor_slots: 4096,
            lane_bytes: 64 << 20,
            entry_bytes_max: 8 << 20,
            propose_patience: Duration::from_secs(5),
            apply_batch_max: 1024,
        }
    }

    pub(crate) fn scaled(&self, time: Duration) -> Duration {
        time.saturating_mul(self.multiplier.max(1))
    }

    /// How long a successor may take; later the others elect one by their own timers.
    pub(crate) fn takeover_patience(&self) -> Duration {
        self.scaled(self.election_max.saturating_mul(2))
    }

    pub(crate) fn lease(&self) -> Duration {
        self.scaled(self.leader_lease)
    }
}
