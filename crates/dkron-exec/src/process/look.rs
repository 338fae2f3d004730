//! Process trees and groups, from one look at all processes that several runs share.

use std::time::{Duration, Instant};

use super::kernel::{self, Stat};

/// Runs ask once a second each; a look this fresh answers all of them.
const FRESH: Duration = Duration::from_millis(500);

/// Deeper trees than this are cut, which also ends a loop in a torn view.
const DEPTH_MAX: usize = 64;

/// The last look.
#[derive(Default)]
pub struct Look {
    at: Option<Instant>,
    all: Vec<Stat>,
}

impl Look {
    fn refresh(&mut self) {
        let now = Instant::now();
        if self.at.is_none_or(|at| now.duration_since(at) > FRESH) {
            self.all = kernel::all();
            self.all.sort_unstable_by_key(|one| one.pid);
            self.at = Some(now);
        }
    }

    /// Resident bytes of a process, its descendants and the members of its group.
    pub fn resident_bytes(&mut self, leader: u32) -> u64 {
        self.refresh();
        let all = &self.all;
        let pages: u64 = all
            .iter()
            .filter(|one| one.group == leader || descends(one, leader, all))
            .map(|one| one.resident_pages)
            .sum();
        pages * rustix::param::page_size() as u64
    }

    /// Whether somebody in the group has not ended yet. May be wrong for as long as a look is
    /// fresh, in favour of somebody.
    pub fn group_lives(&mut self, group: u32) -> bool {
        kernel::group_exists(group) && {
            self.refresh();
            self.all.iter().any(|one| one.group == group && !one.zombie)
        }
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
