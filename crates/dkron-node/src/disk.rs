//! Watches the room on the data directory's disk. A server that runs out of it refuses early what
//! would need more, and keeps the rest for what runs already.

use std::path::PathBuf;
use std::time::Duration;

use dkron_store::durable;
use tokio::sync::watch;

/// LIMIT: free bytes below which the disk counts as full.
const FULL: u64 = 64 << 20;
/// Free bytes from which on it counts as usable again; more, so that the two don't alternate.
const ROOM: u64 = 96 << 20;
/// How often the disk is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Tells whether the disk of this path is full, for as long as somebody listens.
pub fn watch(path: PathBuf) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            let looked_at = path.clone();
            // A disk that hangs must not hold up anybody else.
            let free = tokio::task::spawn_blocking(move || durable::free_bytes(&looked_at)).await;
            if let Ok(Some(free)) = free {
                tell(&sender, free);
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
