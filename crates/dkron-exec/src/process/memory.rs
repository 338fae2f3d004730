//! Memory of process trees, from one look at all processes that several runs share.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::kernel::{self, Stat};

/// Runs ask once a second each; a look this fresh answers all of them.
const FRESH: Duration = Duration::from_millis(500);

/// Deeper trees than this are cut, which also ends a loop in a torn view.
const DEPTH_MAX: usize = 64;

/// The last look.
#[derive(Default)]
pub struct MemoryWatch {
    last: Mutex<Option<(Instant, Vec<Stat>)>>,
}

impl MemoryWatch {
    /// Resident bytes of a process, its descendants and the members of its group.
    pub fn resident_bytes(&self, leader: u32) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if last.as_ref().is_none_or(|(at, _)| now.duration_since(*at) > FRESH) {
            let mut all = kernel::all();
            all.sort_unstable_by_key(|one| one.pid);
            *last = Some((now, all));
        }
        let all = last.as_ref().map_or(&[][..], |(_, all)| all);
        let pages: u64 = all
            .iter()
            .filter(|one| one.group == leader || descends(one, leader, all))
            .map(|one| one.resident_pages)
            .sum();
        pages * rustix::param::page_size() as u64
    }
}

fn descends(one: &Stat, ancestor: u32, all: &[Stat]) -> bool {
    let mut at = *one;
    for _ in 0..DEPTH_MAX {
        if at.pid == ancestor {
            return true;
        }
        match all.binary_search_by_key(&at.parent, |other| other.pid) {
            Ok(found) => at = all[found],
            Err(_) => return false,
        }
    }
    false
}
