//! Counts what could not be read, and says so at most once a minute.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::frame::Unreadable;

const EVERY: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Notices {
    count: AtomicU64,
    /// When the last one was logged, and the count then.
    told: Mutex<Option<(Instant, u64)>>,
}

impl Notices {
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub fn note(&self, from: SocketAddr, why: Unreadable) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.map_or(0, |(_, count)| count);
        if told.is_some_and(|(at, _)| at.elapsed() < EVERY) {
            return;
        }
        *told = Some((Instant::now(), count));
        tracing::warn!(%from, new = count - before, "gossip can not read what came in: {why}");
    }
}
