//! The address book: the members that gossip shows, read as nodes of a cluster.

use std::sync::Arc;

use dkron_gossip::{Member, Members, Status};
use dkron_raft::Peer;
use tokio::sync::watch;

use crate::rpc::Target;

/// The tag by which a member says which cluster it belongs to. Nobody is shown it: it is there so
/// that those who joined the wrong members are not counted on.
pub const CLUSTER_TAG: &str = "dkron-cluster";

/// A cheap clone; looks up in what gossip said last.
#[derive(Clone)]
pub struct Book {
    members: watch::Receiver<Members>,
}

/// One member with its tags read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: u64,
    pub name: String,
    pub region: String,
    pub server: bool,
    pub alive: bool,
    /// It said that it leaves, or left.
    pub left: bool,
    /// `host:port` of its RPC listener; none if its tags do not say.
    pub rpc: Option<String>,
    /// Servers to wait for, as it was told; 0 = it waits to be taken in.
    pub expect: u16,
}

impl Book {
    pub fn new(members: watch::Receiver<Members>) -> Book {
        Book { members }
    }

    /// A book with fixed members, and the way to change them.
    pub fn fixed(members: Vec<Member>) -> (watch::Sender<Members>, Book) {
        let (sender, receiver) = watch::channel(Arc::new(members));
        (sender, Book::new(receiver))
    }

    pub fn members(&self) -> Members {
        Arc::clone(&self.members.borrow())
    }

    /// What it looks up in.
    pub fn watch(&self) -> watch::Receiver<Members> {
        self.members.clone()
    }

    /// Waits for the next change; false when there will be none.
    pub async fn changed(&mut self) -> bool {
        self.members.changed().await.is_ok()
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.members.borrow().iter().map(Entry::of).collect()
    }

    /// Servers of a region, whatever their state.
    pub fn servers(&self, region: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.server && entry.region == region);
        entries
    }

    pub fn get(&self, id: u64) -> Option<Entry> {
        self.members.borrow().iter().find(|member| member.id == id).map(Entry::of)
    }

    /// Where the node of this name is now; one that is alive rather than one that was.
    pub fn named(&self, name: &str) -> Option<Target> {
        let members = self.members.borrow();
        let named = members.iter().filter(|member| member.name == name);
        let found = named.max_by_key(|member| member.status == Status::Alive)?;
        Entry::of(found).target()
    }

    /// Where a server is now; if gossip does not show it, where it was when it became a member.
    pub fn reach(&self, peer: &Peer) -> Target {
        let remembered = || Target { id: peer.id, address: peer.address.clone() };
        self.target(peer.id).unwrap_or_else(remembered)
    }

    /// Where a node is now, whatever others remember of it.
    pub fn target(&self, id: u64) -> Option<Target> {
        let address = self.get(id)?.rpc?;
        Some(Target { id, address })
    }
}

impl Entry {
    pub fn of(member: &Member) -> Entry {
        let tag = |name: &str| member.tags.get(name).map_or("", String::as_str);
        let port = tag("port").parse::<u16>().ok();
        let own = tag("role") == "dkron";
        Entry {
            id: member.id,
            name: member.name.clone(),
            region: tag("region").to_owned(),
            server: own && tag("server") == "true",
            alive: member.status == Status::Alive,
            left: matches!(member.status, Status::Leaving | Status::Left),
            rpc: port.map(|port| std::net::SocketAddr::new(member.address.ip(), port).to_string()),
            expect: tag("expect").parse().unwrap_or(0),
        }
    }

    pub fn target(&self) -> Option<Target> {
        let address = self.rpc.clone()?;
        Some(Target { id: self.id, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(tags: &[(&str, &str)]) -> Member {
        let tags = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let address = "10.0.0.7:8946".parse().unwrap();
        Member { id: 7, name: "n7".into(), address, tags, status: Status::Alive }
    }

    #[test]
    fn a_server_is_found_at_its_address_with_the_port_of_its_tag() {
        let tags = [("role", "dkron"), ("server", "true"), ("port", "6868"), ("region", "global")];
        let (_sender, book) = Book::fixed(vec![member(&tags)]);
        let target = book.target(7).unwrap();
        assert_eq!(target.address, "10.0.0.7:6868");
        assert_eq!(book.servers("global").len(), 1);
        assert_eq!(book.servers("elsewhere").len(), 0);
    }

    #[test]
    fn a_member_without_a_role_is_no_server() {
        let (_sender, book) = Book::fixed(vec![member(&[("server", "true"), ("port", "x")])]);
        let entry = book.get(7).unwrap();
        assert!(!entry.server);
        assert_eq!(entry.rpc, None);
    }
}
