//! Connections that break and come again.

use std::time::Duration;

use bytes::Bytes;

use super::node::{PATIENCE, Seed};
use crate::rpc::{CallError, Lane, Method, Role, Target, Wire as _};

#[tokio::test]
async fn a_node_that_comes_back_is_reached_again() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    assert_eq!(one.status(&two).await.unwrap(), "2 to n1: hi");
    let target = two.stop().await;
    assert!(one.call(&target, Method::Status).await.is_err());
    let two = Seed { address: target.address, ..Seed::new(2) }.start();
    assert_eq!(one.status_in_the_end(&two).await, "2 to n1: hi");
}

#[tokio::test]
async fn a_node_that_moves_is_found_at_its_new_address() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    assert_eq!(one.status(&two).await.unwrap(), "2 to n1: hi");
    two.stop().await;
    let two = Seed::new(2).start();
    assert_eq!(one.status_in_the_end(&two).await, "2 to n1: hi");
}

#[tokio::test]
async fn a_stream_whose_way_breaks_ends_with_an_error() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    let mut frames = one.open(&two.target, Lane::Control, Method::LiveOutput).await;
    frames.to.send(Bytes::from("a")).await.unwrap();
    assert_eq!(frames.from.recv().await, Some(Ok(Bytes::from("a"))));
    two.crash();
    let last = tokio::time::timeout(PATIENCE, frames.from.recv()).await.unwrap();
    assert!(matches!(last, Some(Err(CallError::NoAnswer(_)))), "{last:?}");
    tokio::time::timeout(PATIENCE, frames.to.closed()).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_says_so_at_once() {
    let one = Seed::new(1).start();
    let gone = Seed::new(2).start().stop().await;
    for _ in 0..3 {
        let result = one.call(&gone, Method::Status).await;
        assert!(matches!(result, Err(CallError::Unreachable(_))), "{result:?}");
    }
    let unknown = Target { id: 7, address: "no-such-host.invalid:1".into() };
    let Err(CallError::Unreachable(text)) = one.call(&unknown, Method::Status).await else {
        panic!("a name that is not there was resolved");
    };
    assert!(text.contains("no-such-host.invalid"), "{text}");
}

/// A socket that accepts and says nothing: a stopped process looks like this.
/// Bears T-20.
#[tokio::test]
async fn a_silent_node_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target { id: 2, address: silent.local_addr().unwrap().to_string() };
    let one = Seed::new(1).start();
    let asked = one.client.call(
        &target,
        Lane::Control,
        Method::Status,
        Bytes::new(),
        Duration::from_millis(50),
    );
    assert!(matches!(asked.await, Err(CallError::Unreachable(_))));
    let Err(CallError::Unreachable(text)) = one.call(&target, Method::Status).await else {
        panic!("it answered");
    };
    assert!(text.contains("does not answer"), "{text}");
}

#[tokio::test]
async fn three_nodes_talk_to_each_other() {
    let mut nodes = Vec::new();
    for id in 1..=3 {
        let role = if id == 3 { Role::Agent } else { Role::Server };
        nodes.push(Seed { role, ..Seed::new(id) }.start());
    }
    for from in &nodes {
        for to in &nodes {
            let expected = format!("{} to n{}: hi", to.target.id, from.target.id);
            assert_eq!(from.status(to).await.unwrap(), expected);
        }
    }
}

/// Whoever connects and does not greet is not kept.
#[tokio::test]
async fn a_connection_without_a_greeting_is_closed() {
    use tokio::io::AsyncReadExt as _;

    let one = Seed::new(1).start();
    let mut silent = tokio::net::TcpStream::connect(&one.target.address).await.unwrap();
    let mut said = Vec::new();
    // What the node says by itself, its settings, and then the end.
    tokio::time::timeout(PATIENCE, silent.read_to_end(&mut said)).await.unwrap().unwrap();
}
