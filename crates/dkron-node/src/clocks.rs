//! The clocks by which anything is decided are read here; elsewhere only patience is measured.

#[cfg(debug_assertions)]
pub mod staged;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dkron_core::domain::{Now, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Both clocks: the wall, and one that goes on during suspend.
pub fn now() -> Now {
    #[cfg(test)]
    if let Some(now) = crate::sim::now() {
        return now;
    }
    Now { wall: wall(), mono: mono() }
}

pub fn wall() -> Timestamp {
    #[cfg(test)]
    if let Some(now) = crate::sim::now() {
        return now.wall;
    }
    #[cfg(debug_assertions)]
    return staged::wall(true_wall());
    #[cfg(not(debug_assertions))]
    true_wall()
}

fn true_wall() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::default().after(since),
        Err(before) => Timestamp::default().before(before.duration()),
    }
}

fn mono() -> Duration {
    let read = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(read.tv_sec).unwrap_or(0);
    Duration::new(secs, u32::try_from(read.tv_nsec).unwrap_or(0))
}
