//! How long a node may let exclusive executions run without hearing from a leader.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::terms::Terms;
use crate::domain::Seq;

/// Between SIGTERM and SIGKILL.
pub const FENCE_GRACE: Duration = Duration::from_secs(10);
/// For clock rates and scheduling delays.
pub const FENCE_MARGIN: Duration = Duration::from_secs(5);

/// How long after the last acknowledged heartbeat an exclusive execution must begin to end, so
/// that it is gone before others start.
pub const fn kept(lost_after: Duration) -> Duration {
    lost_after.saturating_sub(FENCE_GRACE).saturating_sub(FENCE_MARGIN)
}

/// Runs from the moment the node *sent* the last acknowledged heartbeat.
#[derive(Clone, Debug, Default)]
pub(super) struct Lease {
    from: Option<Duration>,
    /// Of the session; executions may have their own.
    lost_after: Duration,
    /// Those that end with the lease, by their own `lost_after`.
    bound: BTreeSet<(Option<Duration>, Seq)>,
}

impl Lease {
    pub fn open(&mut self, now: Duration, lost_after: Duration) {
        self.from = Some(self.from.map_or(now, |from| from.max(now)));
        self.lost_after = lost_after;
    }

    pub fn renew(&mut self, sent: Duration) {
        self.from = self.from.map(|from| from.max(sent));
    }

    pub fn from(&self) -> Option<Duration> {
        self.from
    }

    pub fn lost_after(&self) -> Duration {
        self.lost_after
    }

    pub fn bind(&mut self, seq: Seq, terms: &Terms) {
        if terms.exclusive {
            self.bound.insert((terms.lost_after, seq));
        }
    }

    pub fn release(&mut self, seq: Seq, terms: &Terms) {
        if terms.exclusive {
            self.bound.remove(&(terms.lost_after, seq));
        }
    }

    /// Takes out the executions whose lease is over. Those that endure the same silence stand
    /// together, the most impatient first.
    pub fn over(&mut self, now: Duration) -> Vec<Seq> {
        let Some(from) = self.from else { return Vec::new() };
        let silent = now.saturating_sub(from);
        let mut over = Vec::new();
        if kept(self.lost_after) <= silent {
            while let Some((None, seq)) = self.bound.first().copied() {
                self.bound.pop_first();
                over.push(seq);
            }
        }
        loop {
            let own = self.bound.range((Some(Duration::ZERO), Seq(0))..).next().copied();
            match own {
                Some((Some(lost_after), seq)) if kept(lost_after) <= silent => {
                    self.bound.remove(&(Some(lost_after), seq));
                    over.push(seq);
                }
                _ => return over,
            }
        }
    }
}
