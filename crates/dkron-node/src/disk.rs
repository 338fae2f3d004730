//! Watches the data directory's disk. A server that runs out of room refuses early what would need
//! more, and keeps the rest for what runs already; at the last byte log, rows and journal wait for
//! room. A disk that fails in any other way is the end of this node: what it says can not be
//! trusted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dkron_store::durable;
use dkron_store::log::Log;
use dkron_store::state::State;
use tokio::sync::{mpsc, watch};

/// LIMIT: free bytes below which the disk counts as full.
const FULL: u64 = 64 << 20;
/// Free bytes from which on it counts as usable again; more, so that the two don't alternate.
const ROOM: u64 = 96 << 20;
/// How often the disk is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Who is looked at.
pub struct Watched {
    pub path: PathBuf,
    pub log: Arc<Log>,
    pub state: Arc<State>,
}

impl Watched {
    /// None if it cannot be told. A quota can be used up while the disk has room.
    fn free_bytes(&self) -> Option<u64> {
        let waits = self.log.is_waiting_for_room() || self.state.is_waiting_for_room();
        if waits { Some(0) } else { durable::free_bytes(&self.path) }
    }
}

/// Tells whether the disk is full, for as long as somebody listens, and why the node must end.
pub fn watch(watched: Watched, fail: mpsc::Sender<String>) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let watched = Arc::new(watched);
    tokio::spawn(async move {
        loop {
            let looked_at = Arc::clone(&watched);
            // A disk that hangs must not hold up anybody else.
            let look = move || (looked_at.free_bytes(), looked_at.state.failure());
            let seen = tokio::task::spawn_blocking(look).await;
            if let Ok((free, failure)) = seen {
                if let Some(reason) = failure {
                    // At an orderly stop nobody listens any more.
                    let _ = fail.try_send(reason);
                    return;
                }
                free.into_iter().for_each(|free| tell(&sender, free));
            }
            tokio::select! {
                () = sender.closed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    });
    receiver
}

/// One line for each change.
fn tell(sender: &watch::Sender<bool>, free: u64) {
    let full = is_full(*sender.borrow(), free);
    if !sender.send_if_modified(|told| std::mem::replace(told, full) != full) {
        return;
    }
    if full {
        tracing::error!(free, "disk is full: read-only until there is space");
    } else {
        tracing::info!(free, "disk has space again: writes are taken");
    }
}

fn is_full(was_full: bool, free: u64) -> bool {
    free < if was_full { ROOM } else { FULL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_until_there_is_some_more_room() {
        let (sender, mut receiver) = watch::channel(false);
        let mut told = Vec::new();
        for free in [FULL, FULL - 1, 0, FULL, ROOM - 1, ROOM, FULL, FULL - 1] {
            tell(&sender, free);
            told.push((receiver.has_changed().unwrap(), *receiver.borrow_and_update()));
        }
        let full = [false, true, true, true, true, false, false, true];
        let changed = [false, true, false, false, false, true, false, true];
        assert_eq!(told, changed.into_iter().zip(full).collect::<Vec<_>>());
    }
}
