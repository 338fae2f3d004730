//! A leader that is slow to answer, and a node that loses patience with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dkron_core::domain::Tenure;
use dkron_wire::session::{Answer, VERSION, encode_answer};
use tokio::sync::{mpsc, watch};

use super::super::{Guide, Inbound, Outlet, Parts, run};
use super::town::{A1, S1, caller, member};
use crate::cluster::Book;
use crate::rpc::memory::Hub;
use crate::rpc::{Frames, Method, Router};

/// Takes every stream, and ends the former one before it says so, as a leader does. What came
/// before the second one hears nothing more.
fn slow(taken: &Arc<AtomicUsize>) -> Router {
    let (newest, taken) = (Arc::new(watch::channel(0).0), Arc::clone(taken));
    Router::default().stream(Method::Session, move |_, mut frames: Frames| {
        let (newest, taken) = (Arc::clone(&newest), Arc::clone(&taken));
        async move {
            frames.from.recv().await;
            let no = taken.fetch_add(1, Ordering::SeqCst) + 1;
            newest.send_replace(no);
            // The node sees the end of its stream before the answer.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let answer = Answer::Taken { version: VERSION, tenure: Tenure(1) };
            // Who has gone elsewhere hears nothing.
            let _ = frames.to.send(encode_answer(&answer).into()).await;
            let _ = newest.subscribe().wait_for(|newest| *newest != no).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_stream_that_was_asked_for_in_doubt_is_kept() {
    let (hub, taken) = (Hub::default(), Arc::new(AtomicUsize::new(0)));
    hub.serve(S1, slow(&taken));
    let (_members, book) = Book::fixed(vec![member(S1, 1)]);
    let (orders, mut hands) = mpsc::channel(64);
    let dialling = tokio::spawn(run(Parts {
        shard: 0,
        guide: Guide::Agent { book, region: "global".into() },
        wire: hub.wire(caller(A1, "a1")),
        outlet: Outlet::closed("a1".into()),
        hands: orders,
    }));
    for streams in 1..=3 {
        let linked = hands.recv().await.unwrap();
        assert!(matches!(linked, Inbound::Linked));
        assert_eq!(taken.load(Ordering::SeqCst), streams, "each one that was taken is used");
    }
    dialling.abort();
}
