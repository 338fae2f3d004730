//! Who leads, on a server: what consensus says of the others, and its own office.

use dkron_core::domain::NodeName;
use dkron_raft::Leadership;
use tokio::sync::watch;

use super::{Book, Leader};
use crate::reads::Office;
use crate::rpc::Target;

/// What the task is started with.
pub struct Parts {
    pub leadership: watch::Receiver<Leadership>,
    /// Of this server, as the reader has seen it begin.
    pub office: watch::Receiver<Option<Office>>,
    pub book: Book,
    pub leader: watch::Sender<Leader>,
}

/// Keeps `leader` up to date until consensus has stopped.
pub async fn run(parts: Parts) {
    let Parts { mut leadership, mut office, mut book, leader } = parts;
    loop {
        let (now, own) = (leadership.borrow_and_update().clone(), *office.borrow_and_update());
        let found = look(&now, own, &book);
        leader.send_if_modified(|known| {
            let is_new = *known != found;
            *known = found;
            is_new
        });
        if now == Leadership::Stopped {
            return;
        }
        tokio::select! {
            biased;
            Ok(()) = leadership.changed() => {}
            Ok(()) = office.changed() => {}
            true = book.changed() => {}
            else => return,
        }
    }
}

fn look(leadership: &Leadership, office: Option<Office>, book: &Book) -> Leader {
    match (leadership, office) {
        // An office of an earlier leadership says nothing about this one.
        (Leadership::Leader { epoch }, Some(office)) if office.epoch == Some(*epoch) => {
            Leader::Own { tenure: office.tenure }
        }
        (Leadership::Following { leader: Some(peer) }, _) => {
            let entry = book.get(peer.id);
            let name = entry.as_ref().map_or(&peer.name, |entry| &entry.name);
            let target = entry.as_ref().and_then(|entry| entry.target());
            let remembered = || Target { id: peer.id, address: peer.address.clone() };
            let name = NodeName::from(name.as_str());
            Leader::Other { name, target: target.unwrap_or_else(remembered) }
        }
        _ => Leader::None,
    }
}

#[cfg(test)]
mod tests {
    use dkron_core::domain::Tenure;
    use dkron_gossip::{Member, Status};
    use dkron_raft::Peer;

    use super::*;

    fn following() -> Leadership {
        let peer = Peer { id: 7, name: "s7".into(), address: "10.0.0.7:6868".into() };
        Leadership::Following { leader: Some(peer) }
    }

    #[test]
    fn another_leader_is_dialled_where_gossip_sees_it() {
        let tags = [("role", "dkron"), ("server", "true"), ("port", "7000")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let address = "10.9.9.9:8946".parse().unwrap();
        let member = Member { id: 7, name: "new".into(), address, tags, status: Status::Alive };
        for (members, name, address) in
            [(vec![], "s7", "10.0.0.7:6868"), (vec![member], "new", "10.9.9.9:7000")]
        {
            let (_sender, book) = Book::fixed(members);
            let target = Target { id: 7, address: address.into() };
            let found = Leader::Other { name: name.into(), target };
            assert_eq!(look(&following(), None, &book), found);
        }
    }

    #[test]
    fn nobody_leads_before_somebody_is_known_to() {
        let (_sender, book) = Book::fixed(vec![]);
        let office = Some(Office { tenure: Tenure(9), epoch: None });
        for leadership in [Leadership::Following { leader: None }, Leadership::Stopped] {
            assert_eq!(look(&leadership, office, &book), Leader::None);
        }
    }
}
