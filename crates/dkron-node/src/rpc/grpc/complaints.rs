//! Refusals in the log, not more often than once a minute for each reason and peer: a node that
//! is not wanted comes again every second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(60);
/// LIMIT: peers that are remembered; beyond it the log hears of them once more.
const REMEMBERED: usize = 256;

#[derive(Default)]
pub(super) struct Complaints {
    last: Mutex<HashMap<String, Instant>>,
}

impl Complaints {
    /// Says that something was refused, unless it was said within the last minute.
    pub fn say(&self, who: &str, address: &str, reason: &str) {
        if self.is_due(&format!("{who}\0{reason}"), Instant::now()) {
            tracing::warn!(node = who, address, "rpc: refused: {reason}");
        }
    }

    fn is_due(&self, what: &str, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(what).is_some_and(|at| now.duration_since(*at) < PAUSE) {
            return false;
        }
        if last.len() >= REMEMBERED {
            last.clear();
        }
        last.insert(what.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_a_minute() {
        let complaints = Complaints::default();
        let start = Instant::now();
        assert!(complaints.is_due("a", start));
        assert!(complaints.is_due("b", start));
        assert!(!complaints.is_due("a", start + Duration::from_secs(59)));
        assert!(complaints.is_due("a", start + Duration::from_secs(60)));
    }
}
