//! Handing leadership over: this server stops leading, what it has under way is waited for, then
//! the most caught-up voter begins without waiting for anybody's patience.

use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::{Instant, timeout};

use crate::lanes::{Lane, Lanes};
use crate::membership;
use crate::office::{self, Office};
use crate::proposal::peer;
use crate::transport::Peer;

/// LIMIT: proposals under way are waited for this long; then they share the fate of those whose
/// leader was lost.
const DRAIN: Duration = Duration::from_secs(1);
/// How often the lanes are looked at.
const LOOK: Duration = Duration::from_millis(2);
/// A voter that was silent for longer is not chosen.
const SILENT: Duration = Duration::from_secs(1);

/// Why leadership was not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    #[error("this server is not the leader")]
    NotLeader,
    /// This server goes on leading.
    #[error("no other voter is near enough to take over")]
    Nobody,
    /// This server leads no more; the others elect one of them by their own timers.
    #[error("`{to}` did not take over in time")]
    NotTaken { to: String },
    #[error("consensus has stopped")]
    Stopped,
}

pub(crate) struct Parting<'a> {
    pub office: &'a Office,
    pub lanes: &'a Lanes,
    /// How long the other may take.
    pub patience: Duration,
}

impl Parting<'_> {
    pub(crate) async fn run(self, to: Option<u64>) -> Result<Peer, TransferError> {
        let raft = &self.office.raft;
        let term = self.office.standing().leads.ok_or(TransferError::NotLeader)?;
        self.best(to).ok_or(TransferError::Nobody)?;
        // From here on nothing is proposed, read or acknowledged in the name of this leadership.
        self.office.resigned.set(Some(term));
        self.drained().await;
        let Some(next) = self.best(to) else {
            self.office.resigned.set(None);
            return Err(TransferError::Nobody);
        };
        let asked = raft.trigger().transfer_leader(next.id).await;
        asked.map_err(|_| TransferError::Stopped)?;
        let taken = timeout(self.patience, self.taken(term)).await;
        taken.map_err(|_| TransferError::NotTaken { to: next.name })?
    }

    /// The voter that lacks least, or the wished one, if it answered lately.
    fn best(&self, to: Option<u64>) -> Option<Peer> {
        let view = membership::view(&self.office.raft);
        let near = view.voters().filter(|server| {
            let heard = server.last_contact.is_some_and(|age| age < SILENT);
            heard && to.is_none_or(|id| id == server.peer.id)
        });
        near.max_by_key(|server| server.matched_index).map(|server| server.peer.clone())
    }

    async fn drained(&self) {
        let until = Instant::now() + DRAIN;
        let open = || [Lane::Api, Lane::Conductor].map(|lane| self.lanes.load(lane).proposals);
        while open() != [0, 0] && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn taken(&self, term: u64) -> Result<Peer, TransferError> {
        let raft = &self.office.raft;
        let mut server = raft.server_metrics();
        loop {
            let now = server.borrow_watched().clone();
            let other = now.current_leader.filter(|id| *id != now.id);
            let member = other
                .and_then(|id| Some(peer(id, now.membership_config.membership().get_node(&id)?)));
            if let Some(next) = member.filter(|_| office::term(raft) > term) {
                return Ok(next);
            }
            server.changed().await.map_err(|_| TransferError::Stopped)?;
        }
    }
}
