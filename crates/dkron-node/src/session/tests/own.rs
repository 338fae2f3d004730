//! The worker of a server: beside its own conductor while that leads, on a stream otherwise.

use std::time::Duration;

use dkron_core::domain::{BootId, CLUSTER_VERSION, JournalId, Tenure};
use dkron_core::worker::{Hello, News, Order, SessionNo, ToLeader};
use tokio::sync::{mpsc, watch};

use super::super::{Guide, Inbound, Linked, Outlet, Parts, run};
use super::town::{A2, S1, Town, caller};
use crate::cluster::Leader;
use crate::event::Event;

fn hello() -> ToLeader {
    let body = News::Hello(Hello {
        hello: 1,
        node: "a2".into(),
        boot_id: BootId([1; 16]),
        journal_id: JournalId([1; 16]),
        capacity: 10,
        version: CLUSTER_VERSION,
    });
    ToLeader { session: SessionNo(0), no: 0, body }
}

async fn next(hands: &mut mpsc::Receiver<Inbound>) -> Inbound {
    let next = tokio::time::timeout(Duration::from_secs(20), hands.recv()).await;
    next.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_talks_to_itself_while_it_leads() {
    let town = Town::new();
    let other = town.server(S1);
    town.elect(&other, &[]).await;
    let (leader, seen) = watch::channel(Leader::None);
    let (events, mut conductor) = mpsc::unbounded_channel();
    let (orders, mut hands) = mpsc::channel(64);
    let outlet = Outlet::closed("a2".into());
    let linked = outlet.linked();
    let parts = Parts {
        shard: 0,
        guide: Guide::Server { leader: seen, events },
        wire: town.hub.wire(caller(A2, "a2")),
        outlet: outlet.clone(),
        hands: orders,
    };
    let dialling = tokio::spawn(run(parts));

    leader.send_replace(Leader::Own { tenure: Tenure(3) });
    assert!(matches!(next(&mut hands).await, Inbound::Linked));
    assert_eq!(*linked.borrow(), Linked::Own);
    outlet.send(hello());
    assert!(matches!(conductor.recv().await, Some(Event::FromNode { .. })));

    leader.send_replace(Leader::Other { name: "s1".into(), target: other.target() });
    assert!(matches!(next(&mut hands).await, Inbound::Linked));
    assert_eq!(*linked.borrow(), Linked::Leader(other.target()));
    outlet.send(hello());
    let Inbound::Order(answer) = next(&mut hands).await else { panic!("an order comes") };
    assert!(matches!(answer.body, Order::Welcome { hello: 1, .. }));

    // That nobody is known to lead ends nothing that works.
    leader.send_replace(Leader::None);
    outlet.send(hello());
    assert!(matches!(next(&mut hands).await, Inbound::Order(_)));

    leader.send_replace(Leader::Own { tenure: Tenure(9) });
    assert!(matches!(next(&mut hands).await, Inbound::Linked));
    assert_eq!(*linked.borrow(), Linked::Own);
    drop(hands);
    tokio::time::timeout(Duration::from_secs(20), dialling).await.unwrap().unwrap();
}
