//! What the conductor hears of the others: who is there, what their clocks show, and which
//! versions they know.

use std::collections::BTreeMap;
use std::sync::Arc;

use dkron_core::conductor::RosterMember;
use dkron_core::domain::NodeName;
use dkron_gossip::{Member, Status};
use dkron_raft::{Handle, Membership};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::cluster::peers::{self, PeerStatus, Statuses};
use crate::cluster::{Book, CLUSTER_TAG, Mark, Marked};
use crate::event::Event;
use crate::reads::Office;
use crate::versions::cluster_version;

pub struct Parts {
    pub raft: Handle,
    pub book: Book,
    pub statuses: watch::Receiver<Statuses>,
    /// This server.
    pub own: u64,
    /// Of this server, as the reader has seen it begin.
    pub office: watch::Receiver<Option<Office>>,
    pub mark: Arc<Mark>,
    pub events: mpsc::UnboundedSender<Event>,
}

/// Tells all of it whenever something may have changed, and the clocks after each comparison and
/// at the beginning of an office, because slots wait for them: what is told before does not count.
pub async fn run(parts: Parts) {
    let Parts { raft, mut book, mut statuses, own, mark, mut office, events } = parts;
    let (mut known_roster, mut known_version) = (None, None);
    loop {
        let roster = roster(&book.members(), mark.get());
        if known_roster.as_ref() != Some(&roster) {
            known_roster = Some(roster.clone());
            // The scheduling thread is gone if nobody listens.
            let _ = events.send(Event::Roster(roster));
        }
        let (membership, all) = (raft.membership(), statuses.borrow_and_update().clone());
        let version = version(&all, &membership, own);
        if known_version != Some(version) {
            known_version = Some(version);
            let _ = events.send(Event::Versions(version));
        }
        let (voters, offsets) = peers::clocks(&all, &membership, Instant::now());
        let _ = events.send(Event::Clocks { voters, offsets });
        tokio::select! {
            biased;
            true = book.changed() => {}
            Ok(()) = statuses.changed() => {}
            Ok(()) = office.changed() => {}
            else => return,
        }
    }
}

/// All members of the cluster that have not left.
fn roster(members: &[Member], own: Option<Marked>) -> BTreeMap<NodeName, RosterMember> {
    let stays = |member: &&Member| member.status != Status::Left && belongs(member, own);
    let member = |member: &Member| {
        let region = member.tags.get("region").cloned().unwrap_or_default();
        let (tags, alive) = (member.tags.clone(), member.status == Status::Alive);
        (NodeName::from(member.name.as_str()), RosterMember { region, tags, alive })
    };
    members.iter().filter(stays).map(member).collect()
}

/// Whether a member may be counted on: one that says nothing may yet join the cluster, and an agent
/// goes along when the cluster is recovered.
fn belongs(member: &Member, own: Option<Marked>) -> bool {
    let (Some(own), Some(said)) = (own, member.tags.get(CLUSTER_TAG)) else { return true };
    let is_server = member.tags.contains_key("server");
    let of_cluster = |said: &str| said.split_once('/').map(|(cluster, _)| cluster.to_owned());
    if is_server {
        *said == own.to_string()
    } else {
        of_cluster(said) == Some(own.cluster.to_string())
    }
}

/// The newest version of a cluster that all its servers know; none while one has not said.
fn version(statuses: &[PeerStatus], membership: &Membership, own: u64) -> Option<u32> {
    let known = |id: u64| {
        let status = statuses.iter().find(|status| status.status.id == id);
        if id == own { Some(cluster_version()) } else { Some(status?.status.cluster_version) }
    };
    let servers = membership.servers.iter();
    servers.map(|server| known(server.peer.id)).min().flatten()
}

#[cfg(test)]
mod tests {
    use dkron_core::domain::{CLUSTER_VERSION, Tenure};
    use dkron_wire::server::ServerStatus;

    use super::*;
    use crate::cluster::stage;

    fn status(id: u64, cluster_version: u32) -> PeerStatus {
        let name = format!("s{id}");
        PeerStatus {
            status: ServerStatus { id, name, cluster_version, ..ServerStatus::default() },
            asked_at: Instant::now(),
            clock_offset: 0,
            problem: None,
        }
    }

    #[test]
    fn the_version_is_the_oldest_and_unknown_while_one_is_silent() {
        let membership = stage::membership(&[1, 2], &[3]);
        let all = [status(2, CLUSTER_VERSION), status(3, 1)];
        assert_eq!(version(&all, &membership, 1), Some(1));
        assert_eq!(version(&all[..1], &membership, 1), None);
        assert_eq!(version(&[], &stage::membership(&[1], &[]), 1), Some(CLUSTER_VERSION));
        assert_eq!(version(&[], &Membership::default(), 1), None);
    }

    /// The conductor counts a comparison that it hears of in office, and no other.
    #[tokio::test]
    async fn clocks_are_told_again_when_an_office_begins() {
        let directory = tempfile::tempdir().unwrap();
        let actor = stage::Stage::new().enter(1, 1, directory.path()).await;
        let (_members, book) = stage::book(&[1], 1);
        let (_statuses, statuses) = watch::channel(Statuses::default());
        let (begin, office) = watch::channel(None);
        let (events, mut told) = mpsc::unbounded_channel();
        let raft = actor.raft.clone();
        let mark = Arc::clone(&actor.mark);
        tokio::spawn(run(Parts { raft, book, statuses, own: 1, mark, office, events }));
        let mut clocks = async || while !matches!(told.recv().await, Some(Event::Clocks { .. })) {};
        clocks().await;
        begin.send_replace(Some(Office { tenure: Tenure(7), epoch: None }));
        clocks().await;
        actor.raft.shutdown().await;
    }

    #[test]
    fn who_belongs_elsewhere_is_not_counted_on() {
        let cluster = crate::cluster::ClusterId([1; 16]);
        let (own, old) = (Marked { cluster, generation: 1 }, Marked { cluster, generation: 0 });
        let other = Marked { cluster: crate::cluster::ClusterId([2; 16]), generation: 1 };
        let said = |marked: Marked, is_server: bool| {
            let mut member = stage::member(1, 3);
            member.tags.insert(CLUSTER_TAG.into(), marked.to_string());
            if !is_server {
                member.tags.remove("server");
            }
            belongs(&member, Some(own))
        };
        assert!(said(own, true) && said(own, false) && said(old, false));
        assert!(!said(old, true) && !said(other, true) && !said(other, false));
        assert!(belongs(&stage::member(1, 3), Some(own)));
    }

    #[test]
    fn who_left_is_no_member_and_who_is_silent_is() {
        let mut members: Vec<Member> = (1..=3).map(|id| stage::member(id, 3)).collect();
        members[1].status = Status::Left;
        members[2].status = Status::Failed;
        let roster = roster(&members, None);
        let alive: Vec<_> = roster.iter().map(|(name, one)| (name.as_str(), one.alive)).collect();
        assert_eq!(alive, [("s1", true), ("s3", false)]);
    }
}
