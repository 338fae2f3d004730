//! Which rows refer to outputs that are not here, and which of those is fetched next.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use dkron_store::blob::Digest;
use tokio::time::Instant;

use super::carry::Name;
use super::changes::Key;

/// How long an output may be on its way here by itself: servers bring it to each other.
const ON_ITS_WAY: Duration = Duration::from_secs(15);
/// After a try that failed.
const AGAIN: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Default)]
pub(super) struct Missing {
    names: HashMap<Key, Name>,
    rows: HashMap<Digest, BTreeSet<Key>>,
    /// In the order in which they are due; some of them are not missing any more.
    fresh: VecDeque<(Instant, Name)>,
    /// The same, after a try that failed.
    tried: VecDeque<(Instant, Name)>,
    /// What stands in one of them.
    queued: HashSet<Digest>,
}

impl Missing {
    /// Rows that refer to something missing.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The row refers to this from now on, and it is not here.
    pub fn add(&mut self, key: Key, name: Name) {
        self.remove(key);
        self.names.insert(key, name);
        self.rows.entry(name.digest).or_default().insert(key);
        if self.queued.insert(name.digest) {
            self.fresh.push_back((Instant::now() + ON_ITS_WAY, name));
        }
    }

    /// The row refers to nothing missing any more.
    pub fn remove(&mut self, key: Key) {
        let Some(name) = self.names.remove(&key) else { return };
        if let Some(rows) = self.rows.get_mut(&name.digest) {
            rows.remove(&key);
            if rows.is_empty() {
                self.rows.remove(&name.digest);
            }
        }
    }

    /// The rows that refer to it, which is here by now.
    pub fn found(&mut self, digest: &Digest) -> BTreeSet<Key> {
        let rows = self.rows.remove(digest).unwrap_or_default();
        for key in &rows {
            self.names.remove(key);
        }
        rows
    }

    /// All that is missing.
    pub fn digests(&self) -> Vec<Digest> {
        self.rows.keys().copied().collect()
    }

    /// What is to be fetched now. It has its next turn after some time, if it is still missing.
    pub fn next(&mut self, now: Instant) -> Option<Name> {
        let due = |(due, _): &(Instant, Name)| *due <= now;
        loop {
            let fresh = self.fresh.pop_front_if(|entry| due(entry));
            let (_, name) = fresh.or_else(|| self.tried.pop_front_if(|entry| due(entry)))?;
            if self.rows.contains_key(&name.digest) {
                self.tried.push_back((now + AGAIN, name));
                return Some(name);
            }
            self.queued.remove(&name.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use dkron_core::domain::{HistoryNo, JobNo};

    use super::*;

    fn key(no: u64) -> Key {
        (JobNo(1), HistoryNo(no))
    }

    fn name(byte: u8) -> Name {
        Name { digest: Digest([byte; 32]), len: 9_000 }
    }

    #[tokio::test(start_paused = true)]
    async fn each_has_its_turn_until_it_is_found() {
        let (mut missing, begun) = (Missing::default(), Instant::now());
        missing.add(key(1), name(1));
        missing.add(key(2), name(2));
        // Two rows, and one that refers to it anew.
        missing.add(key(3), name(1));
        missing.add(key(1), name(1));
        assert_eq!((missing.len(), missing.next(begun)), (3, None));
        let due = begun + ON_ITS_WAY;
        assert_eq!(missing.next(due), Some(name(1)));
        assert_eq!(missing.next(due), Some(name(2)));
        assert_eq!(missing.next(due), None);
        assert_eq!(missing.found(&name(1).digest), [key(1), key(3)].into());
        tokio::time::advance(AGAIN).await;
        missing.add(key(4), name(4));
        let later = Instant::now() + ON_ITS_WAY;
        // What is new comes before what was tried.
        assert_eq!(missing.next(later), Some(name(4)));
        assert_eq!(missing.next(later), Some(name(2)));
        missing.remove(key(2));
        missing.remove(key(4));
        assert_eq!((missing.len(), missing.next(later + AGAIN * 2)), (0, None));
        assert!(missing.queued.is_empty() && missing.rows.is_empty());
    }
}
