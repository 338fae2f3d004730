//! Whether this server leads, asked at any instant, and how it stops before another may begin.
//!
//! The library calls itself leader also without a quorum, while it hands over, and after it has
//! removed itself. Here a leader is a voter whose appends a quorum acknowledged within the lease,
//! counted from when they were sent, and who has not resigned.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{Instant, ServerState};
use tokio::sync::watch;

use crate::options::Options;
use crate::start::Raft;

/// The term in which this server led and stopped, so that another can begin.
#[derive(Clone)]
pub(crate) struct Resigned(Arc<watch::Sender<Option<u64>>>);

impl Resigned {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    pub(crate) fn set(&self, term: Option<u64>) {
        self.0.send_replace(term);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<u64>> {
        self.0.subscribe()
    }

    /// Whether this server must not lead at present. Costs little while nobody resigned.
    pub(crate) fn holds(&self, raft: &Raft) -> bool {
        let resigned = *self.0.borrow();
        resigned.is_some() && resigned == Some(term(raft))
    }
}

pub(crate) fn term(raft: &Raft) -> u64 {
    raft.server_metrics().borrow_watched().vote.leader_id.term
}

/// What a leader is known by.
#[derive(Clone)]
pub(crate) struct Office {
    pub raft: Raft,
    pub lease: Duration,
    pub resigned: Resigned,
}

/// How this server stands at one instant.
pub(crate) struct Standing {
    /// The term that it leads.
    pub leads: Option<u64>,
    /// It is the only voter: nothing but the server's own state can change that.
    pub alone: bool,
    pub stopped: bool,
}

impl Office {
    pub(crate) fn new(raft: Raft, options: &Options, resigned: Resigned) -> Self {
        Self { raft, lease: options.lease(), resigned }
    }

    pub(crate) fn standing(&self) -> Standing {
        let server = self.raft.server_metrics().borrow_watched().clone();
        let voters: Vec<u64> = server.membership_config.voter_ids().collect();
        let alone = voters.iter().all(|id| *id == server.id);
        let term = server.vote.leader_id.term;
        let leads = server.state == ServerState::Leader
            && server.vote.committed
            && voters.contains(&server.id)
            && !self.resigned.holds(&self.raft)
            && (alone || self.is_acknowledged());
        Standing {
            leads: leads.then_some(term),
            alone,
            stopped: server.state == ServerState::Shutdown,
        }
    }

    /// It may be elected and hold a lease, and yet another one may have begun with its consent.
    pub(crate) fn has_stepped_aside(&self) -> bool {
        let server = self.raft.server_metrics().borrow_watched().clone();
        let is_voter = server.membership_config.voter_ids().any(|id| id == server.id);
        !is_voter || self.resigned.holds(&self.raft)
    }

    /// Elected, whatever a quorum says meanwhile.
    pub(crate) fn is_elected(&self) -> bool {
        let server = self.raft.server_metrics().borrow_watched().clone();
        server.state == ServerState::Leader && server.vote.committed
    }

    fn is_acknowledged(&self) -> bool {
        let acked = self.raft.data_metrics().borrow_watched().last_quorum_acked;
        acked.is_some_and(|at| at.elapsed() < self.lease)
    }
}
