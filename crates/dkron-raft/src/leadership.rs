//! Who leads, as those above may rely on it.
//!
//! The library calls itself leader also without a quorum. Here a leader is one whose appends a
//! quorum acknowledged within the lease, counted from when they were sent. A single voter is its
//! own quorum.

use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{Instant, ServerState};
use tokio::sync::watch;

use crate::options::Options;
use crate::proposal::peer;
use crate::start::Raft;
use crate::transport::Peer;

/// Tells two leaderships of this process apart; says nothing else and is not comparable between
/// servers or restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    number: u64,
    term: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leadership {
    /// This server leads. The entries it applied may still lag behind what is committed: propose
    /// and act on what is applied.
    Leader { epoch: Epoch },
    /// Another server leads or nobody does.
    Following { leader: Option<Peer> },
    /// This replica has stopped, on request or over a failure (`Handle::failure`).
    Stopped,
}

impl Leadership {
    #[must_use]
    pub fn is_leader(&self) -> bool {
        matches!(self, Self::Leader { .. })
    }
}

/// Looks at the lease this often within one lease.
const LOOKS: u32 = 10;

/// Which term a leadership stands for stays in here.
#[derive(Default)]
struct Epochs {
    term: Option<u64>,
    last: u64,
}

impl Epochs {
    fn of(&mut self, term: u64) -> Epoch {
        if self.term != Some(term) {
            self.term = Some(term);
            self.last += 1;
        }
        Epoch { number: self.last, term }
    }

    /// A lost lease ends the leadership, also when the same term goes on later: those above have
    /// stopped by then and must begin anew.
    fn interrupt(&mut self) {
        self.term = None;
    }
}

pub(crate) async fn observe(raft: Raft, options: Options, seen: watch::Sender<Leadership>) {
    let mut server = raft.server_metrics();
    let mut epochs = Epochs::default();
    let lease = options.lease();
    loop {
        let (leadership, alone) = look(&raft, lease, &mut epochs);
        // With nobody to send heartbeats to, and nobody else to be elected, the clock of the
        // library would only wake the machine fifty times a second.
        raft.runtime_config().tick(!(leadership.is_leader() && is_only_member(&raft)));
        seen.send_if_modified(|old| {
            let changed = *old != leadership;
            if changed {
                *old = leadership.clone();
            }
            changed
        });
        let changed = if leadership.is_leader() && !alone {
            tokio::time::timeout(lease / LOOKS, server.changed()).await.unwrap_or(Ok(()))
        } else if alone {
            server.changed().await
        } else {
            // A quorum may answer again without any other change.
            tokio::time::timeout(lease / LOOKS, server.changed()).await.unwrap_or(Ok(()))
        };
        if changed.is_err() {
            seen.send_replace(Leadership::Stopped);
            return;
        }
    }
}

fn is_only_member(raft: &Raft) -> bool {
    let server = raft.server_metrics().borrow_watched().clone();
    server.membership_config.nodes().all(|(id, _)| *id == server.id)
}

/// Whether a leadership still stands at this very instant.
pub(crate) fn stands(raft: &Raft, lease: Duration, epoch: Epoch) -> bool {
    let metrics = raft.server_metrics();
    let server = metrics.borrow_watched();
    let leads = server.state == ServerState::Leader
        && server.vote.committed
        && server.vote.leader_id.term == epoch.term;
    let alone = server.membership_config.voter_ids().all(|id| id == server.id);
    drop(server);
    let acked = || {
        let acked = raft.data_metrics().borrow_watched().last_quorum_acked;
        acked.is_some_and(|at| at.elapsed() < lease)
    };
    leads && (alone || acked())
}

/// The present leadership, and whether only `server_metrics` can change it.
fn look(raft: &Raft, lease: Duration, epochs: &mut Epochs) -> (Leadership, bool) {
    let server = raft.server_metrics().borrow_watched().clone();
    let membership = &server.membership_config;
    let alone = membership.voter_ids().all(|id| id == server.id);
    if server.state == ServerState::Shutdown {
        return (Leadership::Stopped, alone);
    }
    let leads = server.state == ServerState::Leader && server.vote.committed;
    let acked = || {
        let acked = raft.data_metrics().borrow_watched().last_quorum_acked;
        acked.is_some_and(|at| at.elapsed() < lease)
    };
    if leads && (alone || acked()) {
        let epoch = epochs.of(server.vote.leader_id.term);
        return (Leadership::Leader { epoch }, alone);
    }
    epochs.interrupt();
    let leader = server.current_leader.filter(|id| *id != server.id);
    let leader = leader.and_then(|id| Some(peer(id, membership.membership().get_node(&id)?)));
    (Leadership::Following { leader }, alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bears T-03.
    #[test]
    fn an_epoch_is_one_uninterrupted_leadership() {
        let mut epochs = Epochs::default();
        let first = epochs.of(7);
        assert_eq!(first, epochs.of(7));
        epochs.interrupt();
        let second = epochs.of(7);
        assert!(second > first);
        assert!(epochs.of(9) > second);
    }
}
