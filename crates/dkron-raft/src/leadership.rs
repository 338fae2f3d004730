//! Who leads, as a value to be watched; what makes a leader stands in `office.rs`.

use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::watch;

use crate::office::{Office, Standing};
use crate::proposal::peer;
use crate::transport::Peer;

/// Tells two leaderships of this process apart; says nothing else and is not comparable between
/// servers or restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    number: u64,
    term: u64,
}

impl Epoch {
    pub(crate) fn is_of(self, term: Option<u64>) -> bool {
        term == Some(self.term)
    }
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

pub(crate) async fn observe(office: Office, seen: watch::Sender<Leadership>) {
    let mut server = office.raft.server_metrics();
    let mut data = office.raft.data_metrics();
    let mut resigned = office.resigned.watch();
    let mut epochs = Epochs::default();
    loop {
        let standing = office.standing();
        let leadership = name(&office, &standing, &mut epochs);
        // With nobody to send heartbeats to, and nobody else to be elected, the clock of the
        // library would only wake the machine fifty times a second.
        office.raft.runtime_config().tick(!(leadership.is_leader() && is_only_member(&office)));
        seen.send_if_modified(|old| {
            let changed = *old != leadership;
            if changed {
                *old = leadership.clone();
            }
            changed
        });
        // The lease ends by itself, and a quorum may answer again without any other change.
        let patience = if standing.alone { Duration::MAX } else { office.lease / LOOKS };
        // Who was elected begins with the first acknowledgement, not with the next look.
        let is_waiting = standing.leads.is_none() && office.is_elected();
        let changed = tokio::select! {
            biased;
            changed = server.changed() => changed.is_ok(),
            changed = data.changed(), if is_waiting => changed.is_ok(),
            changed = resigned.changed() => changed.is_ok(),
            () = tokio::time::sleep(patience) => true,
        };
        if !changed {
            seen.send_replace(Leadership::Stopped);
            return;
        }
    }
}

fn is_only_member(office: &Office) -> bool {
    let server = office.raft.server_metrics().borrow_watched().clone();
    server.membership_config.nodes().all(|(id, _)| *id == server.id)
}

fn name(office: &Office, standing: &Standing, epochs: &mut Epochs) -> Leadership {
    if standing.stopped {
        return Leadership::Stopped;
    }
    if let Some(term) = standing.leads {
        return Leadership::Leader { epoch: epochs.of(term) };
    }
    epochs.interrupt();
    let server = office.raft.server_metrics().borrow_watched().clone();
    let leader = server.current_leader.filter(|id| *id != server.id);
    let member = |id| server.membership_config.membership().get_node(&id).map(|m| peer(id, m));
    Leadership::Following { leader: leader.and_then(member) }
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
