use std::sync::{Arc, OnceLock};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::cluster::Leader;
use crate::forward::{AnswerHead, Answered, Arrived, Front, register};
use crate::rpc::Router;
use crate::rpc::grpc::Listener;

/// A node that leads nothing, with a door that repeats what it was asked.
fn node(key: Option<&[u8]>) -> (String, IoThread, CancellationToken) {
    let front: Front = Arc::new(|arrived: Arrived| {
        Box::pin(async move {
            let body = arrived.body.collect(1 << 20).await.unwrap();
            let said = format!("{} {} ", arrived.head.method, arrived.head.target);
            let body = Bytes::from([said.as_bytes(), body.as_ref()].concat());
            let head = AnswerHead { status: 418, ..AnswerHead::default() };
            Answered { head, body: Pieces::of(body) }
        })
    });
    let door = Arc::new(OnceLock::new());
    assert!(door.set(front).is_ok());
    let (_, leader) = watch::channel(Leader::None);
    let router = register(Router::default(), leader, door);
    let thread = IoThread::start().unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let identity = Identity {
        id: 7,
        name: "n7".into(),
        role: Role::Server,
        shard: 0,
        mark: None,
        key: key.map(derive_key),
        protocol: protocol(),
    };
    let shutdown = CancellationToken::new();
    listener.serve(&thread, Arc::new(identity), router, shutdown.clone()).unwrap();
    (address, thread, shutdown)
}

#[tokio::test]
async fn an_operator_asks_a_node_over_its_rpc_port() {
    let (address, _thread, _shutdown) = node(None);
    let console = Console::new(&address, None).unwrap();
    let (status, body) = console.ask("PUT", "/v1/x?a=b", "body".into()).await.unwrap();
    assert_eq!((status, body.as_ref()), (418, &b"PUT /v1/x?a=b body"[..]));
}

#[tokio::test]
async fn the_key_opens_and_nothing_else_does() {
    let (address, _thread, _shutdown) = node(Some(&[1; 16]));
    let right = Console::new(&address, Some(&[1; 16])).unwrap();
    assert_eq!(right.ask("GET", "/", Bytes::new()).await.unwrap().0, 418);
    for wrong in [None, Some(&[2; 16][..])] {
        let console = Console::new(&address, wrong).unwrap();
        assert!(console.ask("GET", "/", Bytes::new()).await.is_err());
    }
}

#[tokio::test]
async fn nobody_there_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let console = Console::new(&address, None).unwrap();
    let text = console.ask("GET", "/", Bytes::new()).await.unwrap_err().to_string();
    assert!(text.starts_with("unreachable"), "{text}");
}
