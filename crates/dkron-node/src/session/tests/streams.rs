//! Streams of which the other end is a test.

use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::{BootId, CLUSTER_VERSION, JournalId, Tenure};
use dkron_core::worker::{Hello, News, Order, SessionNo, ToLeader, ToNode};
use dkron_wire::session::{
    Answer, Greeting, decode_answer, decode_orders, encode_greeting, encode_news,
};

use super::server::Server;
use super::town::{A1, A2, S1, Town, caller, ended, opened, to, until};
use crate::rpc::{Caller, Frames, Lane, Method};

/// Opens a stream and reads the answer.
async fn greet(town: &Town, own: Caller, greeting: Greeting) -> (Frames, Answer) {
    let wire = town.hub.wire(own);
    let patience = Duration::from_secs(5);
    let opened = wire.open(&to(S1), Lane::Control, Method::Session, patience).await;
    let mut frames = opened.unwrap();
    frames.to.send(encode_greeting(greeting).into()).await.unwrap();
    let answer = decode_answer(&frames.from.recv().await.unwrap().unwrap()).unwrap();
    (frames, answer)
}

const GREETING: Greeting = Greeting { shard: 0, version: 1 };

async fn leading(town: &Town) -> Server {
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    server
}

fn hello(no: u64, node: &str) -> Bytes {
    let body = News::Hello(Hello {
        hello: no,
        node: node.into(),
        boot_id: BootId([1; 16]),
        journal_id: JournalId([1; 16]),
        capacity: 10,
        version: CLUSTER_VERSION,
    });
    let mut frame = Vec::new();
    encode_news(&mut frame, &ToLeader { session: SessionNo(0), no: 0, body });
    frame.into()
}

async fn order(frames: &mut Frames) -> ToNode {
    let frame = frames.from.recv().await.unwrap().unwrap();
    decode_orders(1, &frame).unwrap().remove(0).message
}

/// Reads until nothing more comes.
async fn over(frames: &mut Frames) {
    while let Some(Ok(_)) = frames.from.recv().await {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_stream_of_a_node_takes_the_place_of_the_first() {
    let town = Town::new();
    let _server = leading(&town).await;
    let (mut first, answer) = greet(&town, caller(A1, "a1"), GREETING).await;
    assert!(matches!(answer, Answer::Taken { version: 1, .. }), "{answer:?}");
    let (mut second, answer) = greet(&town, caller(A1, "a1"), GREETING).await;
    assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
    over(&mut first).await;
    second.to.send(hello(7, "a1")).await.unwrap();
    assert!(matches!(order(&mut second).await.body, Order::Welcome { hello: 7, .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_alive_is_not_given_to_another_node() {
    let town = Town::new();
    let _server = leading(&town).await;
    let (first, _) = greet(&town, caller(A1, "a1"), GREETING).await;
    for own in [caller(A2, "a1"), caller(A2, "s1")] {
        let (_, answer) = greet(&town, own, GREETING).await;
        assert!(matches!(&answer, Answer::Refused(text) if text.contains("alive")), "{answer:?}");
    }
    drop(first);
    // Once it has left, the name is free.
    let free = async {
        loop {
            let (_, answer) = greet(&town, caller(A2, "a1"), GREETING).await;
            if matches!(answer, Answer::Taken { .. }) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), free).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_belong_here_is_refused_with_a_text() {
    let town = Town::new();
    let _server = leading(&town).await;
    let refused = |answer: Answer, word: &str| {
        assert!(matches!(&answer, Answer::Refused(text) if text.contains(word)), "{answer:?}");
    };
    let shard = Greeting { shard: 3, ..GREETING };
    refused(greet(&town, caller(A1, "a1"), shard).await.1, "shard");
    let old = Greeting { version: 0, ..GREETING };
    refused(greet(&town, caller(A1, "a1"), old).await.1, "version");
    let newer = Greeting { version: 9, ..GREETING };
    let answer = greet(&town, caller(A1, "a1"), newer).await.1;
    assert!(matches!(answer, Answer::Taken { version: 1, .. }), "{answer:?}");
    let operator = Caller { role: crate::rpc::Role::Operator, ..caller(A1, "a1") };
    refused(greet(&town, operator, GREETING).await.1, "nodes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_speaks_for_another_is_not_heard() {
    let town = Town::new();
    let _server = leading(&town).await;
    let (mut frames, _) = greet(&town, caller(A1, "a1"), GREETING).await;
    frames.to.send(hello(1, "a2")).await.unwrap();
    over(&mut frames).await;
    let (mut frames, _) = greet(&town, caller(A1, "a1"), GREETING).await;
    frames.to.send(Bytes::from_static(b"\xff\xff\xff")).await.unwrap();
    over(&mut frames).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_listen_holds_up_nobody() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = leading(&town).await;
    let (_deaf, _) = greet(&town, caller(A2, "a2"), GREETING).await;
    let order = |no| ToNode {
        tenure: Tenure(1),
        session: SessionNo(1),
        no,
        body: Order::Beat { sent: Duration::ZERO },
    };
    // As much as ever fits, and then no more.
    let mut no = 0;
    while server.sessions.send(&"a2".into(), order(no)) {
        no += 1;
        assert!(no < 10_000_000, "what waits for a node must have a limit");
    }
    let _agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 1).await;
    town.job(&server, "job", "a1", |_| {}).await;
    town.gate.open();
    town.run(&server, "job");
    ended(&server, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_end_with_the_leadership() {
    let town = Town::new();
    let (server, other) = (leading(&town).await, town.server(2));
    let (mut frames, _) = greet(&town, caller(A1, "a1"), GREETING).await;
    town.elect(&other, &[&server]).await;
    over(&mut frames).await;
    until(|| {
        let body = Order::Refused { hello: 0 };
        let order = ToNode { tenure: Tenure(1), session: SessionNo(1), no: 0, body };
        !server.sessions.send(&"a1".into(), order)
    })
    .await;
    let (_, answer) = greet(&town, caller(A1, "a1"), GREETING).await;
    assert!(matches!(&answer, Answer::NotLeader(Some(hint)) if hint.id == 2), "{answer:?}");
}
