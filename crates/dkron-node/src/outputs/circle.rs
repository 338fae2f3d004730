//! Who else keeps outputs: the other servers, as consensus knows them.

use std::sync::Arc;

use dkron_raft::{Membership, Server};

use crate::cluster::Book;
use crate::rpc::{Target, Wire};

/// A cheap clone.
#[derive(Clone)]
pub struct Circle {
    /// This server.
    pub own: u64,
    pub wire: Arc<dyn Wire>,
    pub book: Book,
    /// As this server knows it; nobody until consensus runs.
    pub membership: Arc<dyn Fn() -> Membership + Send + Sync>,
}

impl Circle {
    /// The other voters, and how many of them make a majority together with this server.
    pub(super) fn voters(&self) -> (Vec<Target>, usize) {
        let membership = (self.membership)();
        let all = membership.voters().count();
        let others: Vec<Target> =
            membership.voters().filter_map(|server| self.target(server)).collect();
        let own = all - others.len();
        let needed = if all == 0 { 0 } else { (all / 2 + 1).saturating_sub(own) };
        (others, needed)
    }

    /// All other servers, those first that gossip shows alive.
    pub(super) fn others(&self) -> Vec<Target> {
        let membership = (self.membership)();
        let mut others: Vec<Target> =
            membership.servers.iter().filter_map(|server| self.target(server)).collect();
        others.sort_by_key(|target| !self.book.get(target.id).is_some_and(|entry| entry.alive));
        others
    }

    /// Where it is; none of this server.
    fn target(&self, server: &Server) -> Option<Target> {
        (server.peer.id != self.own).then(|| self.book.reach(&server.peer))
    }
}
