//! Carries the autopilot's changes out while this server leads.

use std::time::Duration;

use dkron_raft::{Change, ChangeError, Handle, Leadership, Membership};
use tokio::sync::watch;
use tokio::time::Instant;

use super::plan::{View, plan};
use crate::cluster::Book;
use crate::cluster::peers::Statuses;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

pub struct Parts {
    pub raft: Handle,
    pub book: Book,
    pub statuses: watch::Receiver<Statuses>,
    /// This server.
    pub own: u64,
    pub region: String,
    pub expect: u16,
}

/// Runs until consensus stops.
pub async fn run(parts: Parts) {
    let mut leadership = parts.raft.leadership();
    while leadership.wait_for(Leadership::is_leader).await.is_ok() {
        let since = Instant::now();
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = leadership.borrow_and_update().clone();
            if now == Leadership::Stopped {
                return;
            }
            if !now.is_leader() {
                break;
            }
            round(&parts, since).await;
        }
    }
}

async fn round(parts: &Parts, since: Instant) {
    let statuses = parts.statuses.borrow().clone();
    let membership = parts.raft.membership();
    let change = plan(&View {
        own: parts.own,
        membership: &membership,
        servers: &parts.book.servers(&parts.region),
        statuses: &statuses,
        expect: parts.expect,
        now: Instant::now(),
        since,
    });
    let Some(change) = change else { return };
    let text = say(&change, &membership);
    match parts.raft.change_if(&membership, change).await {
        Ok(()) => tracing::info!("{text}"),
        // Looked at again with the next round.
        Err(ChangeError::NotLeader { .. } | ChangeError::Stopped | ChangeError::Conflict(_)) => {}
        Err(err) => tracing::warn!(%err, "not done: {text}"),
    }
}

fn say(change: &Change, membership: &Membership) -> String {
    let name = |id: &u64| membership.get(*id).map_or(id.to_string(), |it| it.peer.name.clone());
    let names = |ids: &[u64]| ids.iter().map(name).collect::<Vec<_>>().join(", ");
    match change {
        Change::AddLearner { peer, replaces } if replaces.is_empty() => {
            format!("server `{}` joins the cluster and catches up", peer.name)
        }
        Change::AddLearner { peer, .. } => {
            format!("server `{}` came back with an empty data directory and catches up", peer.name)
        }
        Change::Promote { id, replaces } if replaces.is_empty() => {
            format!("server `{}` has caught up and votes", name(id))
        }
        Change::Promote { id, replaces } => {
            format!(
                "server `{}` has caught up and votes in the place of {}",
                name(id),
                names(replaces)
            )
        }
        Change::Remove { ids } => format!("dead servers leave the cluster: {}", names(ids)),
        Change::Update { peer } => {
            format!("server `{}` is known at {} from now on", peer.name, peer.address)
        }
        Change::Settle => "an interrupted change of the membership is completed".to_owned(),
    }
}
