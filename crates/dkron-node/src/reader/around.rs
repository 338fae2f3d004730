//! Who else is there, and who leads: what the reader is told and answers as it is.

use dkron_core::domain::{NodeName, Tenure};
use dkron_gossip::Members;
use tokio::sync::watch;

use crate::cluster::{CLUSTER_TAG, Leader};
use crate::service::Member;

/// A cheap clone that sees what gossip and consensus said last.
#[derive(Clone)]
pub struct Around {
    /// This node, as it was started.
    pub own: Member,
    /// Empty where there is no gossip.
    pub members: watch::Receiver<Members>,
    pub leader: watch::Receiver<Leader>,
}

impl Around {
    /// A node that will never hear of another one.
    #[cfg(test)]
    pub fn nobody(own: Member) -> Around {
        let members = watch::channel(Members::default()).1;
        Around { own, members, leader: watch::channel(Leader::None).1 }
    }

    /// All known members, this node first.
    pub fn members(&self) -> Vec<Member> {
        let mut members: Vec<Member> = self.members.borrow().iter().map(member).collect();
        match members.iter().position(|member| member.name == self.own.name) {
            Some(at) => members[..=at].rotate_right(1),
            None => members.insert(0, self.own.clone()),
        }
        members
    }

    /// This node, with the tags that the others see.
    pub fn own(&self) -> Member {
        self.find(&self.own.name).unwrap_or_else(|| self.own.clone())
    }

    /// Who leads; `office` is what the reader knows of this node.
    pub fn leader(&self, office: Option<Tenure>) -> Option<Member> {
        match &*self.leader.borrow() {
            Leader::Other { name, target } => self.find(name).or_else(|| {
                // Gossip does not know it yet; those who can be dialled can be told.
                let (addr, port) = target.address.rsplit_once(':')?;
                let addr = addr.trim_matches(['[', ']']).to_owned();
                let (name, port) = (name.clone(), port.parse().ok()?);
                Some(Member { name, addr, port, tags: [].into(), status: 1 })
            }),
            Leader::Own { .. } | Leader::None => office.map(|_| self.own()),
        }
    }

    fn find(&self, name: &NodeName) -> Option<Member> {
        let members = self.members.borrow();
        members.iter().find(|member| member.name == name.as_str()).map(member)
    }
}

fn member(member: &dkron_gossip::Member) -> Member {
    let mut tags = member.tags.clone();
    tags.remove(CLUSTER_TAG);
    Member {
        name: NodeName::from(member.name.as_str()),
        addr: member.address.ip().to_string(),
        port: member.address.port(),
        tags,
        status: member.status as u8,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dkron_gossip::Status;

    use super::*;
    use crate::rpc::Target;

    fn own() -> Member {
        let name = NodeName::from("n1");
        Member { name, addr: "127.0.0.1".into(), port: 8946, tags: [].into(), status: 1 }
    }

    fn seen(id: u64, name: &str, status: Status) -> dkron_gossip::Member {
        let tags = [("role".to_owned(), "dkron".to_owned())].into();
        let address = std::net::SocketAddr::from(([10, 0, 0, id as u8], 8946));
        dkron_gossip::Member { id, name: name.into(), address, tags, status }
    }

    fn around(members: Vec<dkron_gossip::Member>, leader: Leader) -> Around {
        let members = watch::channel(Arc::new(members)).1;
        Around { own: own(), members, leader: watch::channel(leader).1 }
    }

    #[test]
    fn a_node_without_gossip_knows_itself() {
        let around = Around::nobody(own());
        let names: Vec<_> = around.members().into_iter().map(|member| member.name).collect();
        assert_eq!(names, [NodeName::from("n1")]);
        assert!(around.leader(None).is_none());
        assert_eq!(around.leader(Some(Tenure(3))).unwrap().name, own().name);
    }

    #[test]
    fn all_members_are_shown_with_their_states_and_the_own_one_first() {
        let members = vec![
            seen(3, "n0", Status::Failed),
            seen(1, "n1", Status::Alive),
            seen(2, "n2", Status::Left),
        ];
        let around = around(members, Leader::None);
        let shown = around.members();
        let shown: Vec<_> = shown.iter().map(|m| (m.name.as_str(), m.status)).collect();
        assert_eq!(shown, [("n1", 1), ("n0", 4), ("n2", 3)]);
        assert_eq!(around.own().addr, "10.0.0.1");
    }

    #[test]
    fn the_leader_is_told_also_before_gossip_knows_it() {
        let target = Target { id: 2, address: "10.0.0.2:6868".into() };
        let leader = Leader::Other { name: NodeName::from("n2"), target };
        let known = around(vec![seen(2, "n2", Status::Alive)], leader.clone());
        assert_eq!(known.leader(None).unwrap().port, 8946);
        let unknown = around(vec![], leader);
        let member = unknown.leader(Some(Tenure(1))).unwrap();
        assert_eq!((member.addr.as_str(), member.port), ("10.0.0.2", 6868));
    }
}
