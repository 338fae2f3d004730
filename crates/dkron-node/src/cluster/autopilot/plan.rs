//! The next change of the membership, if there is one; pure.

use std::time::Duration;

use dkron_raft::{Change, Membership, Peer, Server};
use tokio::time::Instant;

use crate::cluster::Entry;
use crate::cluster::peers::PeerStatus;

/// A learner may vote once it lacks no more entries than this ...
const LAG: u64 = 1_000;
/// ... and has answered within this time.
const ANSWERED: Duration = Duration::from_secs(2);
/// A server that gossip calls failed is dead once it has not answered for so long.
const DEAD: Duration = Duration::from_secs(10);

/// What the leader knows at one moment.
pub struct View<'a> {
    /// The leader.
    pub own: u64,
    pub membership: &'a Membership,
    /// Servers of the region.
    pub servers: &'a [Entry],
    pub statuses: &'a [PeerStatus],
    /// As many voters are not given up, dead or not.
    pub expect: u16,
    pub now: Instant,
    /// When this leadership began: nobody was silent for longer than that.
    pub since: Instant,
}

/// One change; the next one is decided when it is done.
pub fn plan(view: &View<'_>) -> Option<Change> {
    if view.membership.is_joint {
        return Some(Change::Settle);
    }
    if !view.membership.is_settled {
        return None;
    }
    take_in(view).or_else(|| promote(view)).or_else(|| give_up(view)).or_else(|| moved(view))
}

/// An unknown server that answers becomes a learner. One that bears the name of a member which is
/// gone takes its place: its data directory was wiped.
fn take_in(view: &View<'_>) -> Option<Change> {
    let is_new = |entry: &&Entry| {
        entry.alive && view.membership.get(entry.id).is_none() && view.answers(entry.id, ANSWERED)
    };
    for entry in view.servers.iter().filter(is_new) {
        let Some(peer) = peer(entry) else { continue };
        let of_name = |server: &&Server| server.peer.name == entry.name;
        let mut replaces = Vec::new();
        if let Some(old) = view.membership.servers.iter().find(of_name) {
            // Two living servers of one name: whoever came second is not taken in.
            if old.peer.id == view.own || view.is_there(old.peer.id) {
                continue;
            }
            replaces.push(old.peer.id);
        }
        return Some(Change::AddLearner { peer, replaces });
    }
    None
}

/// A learner that has caught up votes, in the place of a dead voter if there is one.
fn promote(view: &View<'_>) -> Option<Change> {
    let learner = view.membership.servers.iter().find(|server| view.is_ready(server))?;
    let dead = view.membership.voters().find(|server| view.is_dead(server.peer.id));
    let replaces = dead.map(|server| server.peer.id).into_iter().collect();
    Some(Change::Promote { id: learner.peer.id, replaces })
}

/// A dead learner goes; a dead voter only if the voters that are left are as many as were expected
/// at first. One that left was not lost but sent away, so it goes in any case.
fn give_up(view: &View<'_>) -> Option<Change> {
    let voters = view.membership.voters().count();
    let enough = voters > usize::from(view.expect.max(1));
    let goes = |server: &&Server| {
        let id = server.peer.id;
        let free = enough || !server.voter || view.has_left(id);
        id != view.own && free && view.is_dead(id)
    };
    let dead = view.membership.servers.iter().find(goes)?;
    Some(Change::Remove { ids: vec![dead.peer.id] })
}

/// Addresses are looked up in the book; what consensus remembers is for the time when there is
/// none yet.
fn moved(view: &View<'_>) -> Option<Change> {
    view.servers.iter().filter(|entry| entry.alive).find_map(|entry| {
        let (now, known) = (peer(entry)?, &view.membership.get(entry.id)?.peer);
        (now != *known).then_some(Change::Update { peer: now })
    })
}

fn peer(entry: &Entry) -> Option<Peer> {
    let address = entry.rpc.clone()?;
    Some(Peer { id: entry.id, name: entry.name.clone(), address })
}

impl View<'_> {
    fn entry(&self, id: u64) -> Option<&Entry> {
        self.servers.iter().find(|entry| entry.id == id)
    }

    /// How long a server has not answered; at most for as long as it was listened for.
    fn silent(&self, id: u64) -> Duration {
        let status = self.statuses.iter().find(|status| status.status.id == id);
        let listened = self.now.saturating_duration_since(self.since);
        status.map_or(listened, |status| status.age(self.now).min(listened))
    }

    fn answers(&self, id: u64, within: Duration) -> bool {
        let status = self.statuses.iter().find(|status| status.status.id == id);
        status.is_some_and(|status| status.age(self.now) <= within)
    }

    fn is_there(&self, id: u64) -> bool {
        self.entry(id).is_some_and(|entry| entry.alive) || self.answers(id, DEAD)
    }

    fn has_left(&self, id: u64) -> bool {
        self.entry(id).is_some_and(|entry| entry.left)
    }

    fn is_dead(&self, id: u64) -> bool {
        if id == self.own {
            return false;
        }
        match self.entry(id) {
            Some(entry) if entry.left => true,
            Some(entry) if entry.alive => false,
            _ => self.silent(id) >= DEAD,
        }
    }

    fn is_ready(&self, server: &Server) -> bool {
        let last = self.membership.last_index.unwrap_or(0);
        let lag = server.matched_index.map(|matched| last.saturating_sub(matched));
        !server.voter
            && self.entry(server.peer.id).is_some_and(|entry| entry.alive)
            && lag.is_some_and(|lag| lag <= LAG)
            && server.last_contact.is_some_and(|age| age <= ANSWERED)
            && self.answers(server.peer.id, ANSWERED)
    }
}
