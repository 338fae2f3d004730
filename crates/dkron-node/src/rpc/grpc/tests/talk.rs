//! Questions and streams.

use bytes::Bytes;

use super::node::{PATIENCE, Seed};
use crate::rpc::{CallError, FRAME_MAX, Lane, Method, Router, Target, Wire as _};

#[tokio::test]
async fn a_question_is_answered_and_the_caller_is_known() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    assert_eq!(one.status(&two).await.unwrap(), "2 to n1: hi");
    assert_eq!(two.status(&one).await.unwrap(), "1 to n2: hi");
}

#[tokio::test]
async fn whoever_answers_is_reached_without_an_id() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    let anybody = Target { id: 0, ..two.target.clone() };
    assert_eq!(one.call(&anybody, Method::Status).await.unwrap(), "2 to n1: hi");
}

#[tokio::test]
async fn a_refusal_comes_with_its_text() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    let refused = one.call(&two.target, Method::Promise).await;
    assert_eq!(refused, Err(CallError::Refused("not today".into())));
    let unknown = one.call(&two.target, Method::Clock).await;
    assert_eq!(unknown, Err(CallError::Refused("this node does not answer Clock".into())));
    let unknown = one.client.open(&two.target, Lane::Bulk, Method::Forward, PATIENCE).await;
    let expected = CallError::Refused("this node does not answer Forward".into());
    assert_eq!(unknown.unwrap_err(), expected);
}

#[tokio::test]
async fn frames_go_both_ways_and_end_with_the_sender() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    let mut frames = one.open(&two.target, Lane::Bulk, Method::LiveOutput).await;
    for number in 0..1000u32 {
        let frame = Bytes::copy_from_slice(&number.to_be_bytes());
        frames.to.send(frame.clone()).await.unwrap();
        assert_eq!(frames.from.recv().await, Some(Ok(frame)));
    }
    drop(frames.to);
    assert_eq!(frames.from.recv().await, None);
}

#[tokio::test]
async fn an_empty_frame_is_a_frame() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    let mut frames = one.open(&two.target, Lane::Bulk, Method::LiveOutput).await;
    frames.to.send(Bytes::new()).await.unwrap();
    assert_eq!(frames.from.recv().await, Some(Ok(Bytes::new())));
}

#[tokio::test]
async fn who_leaves_a_stream_ends_it_on_the_other_side() {
    let (ended, mut seen) = tokio::sync::mpsc::channel(1);
    let router = Router::default().stream(Method::LiveOutput, move |_, mut frames| {
        let ended = ended.clone();
        async move {
            while let Some(Ok(_)) = frames.from.recv().await {}
            frames.to.closed().await;
            ended.send(()).await.unwrap();
        }
    });
    let two = Seed { router, ..Seed::new(2) }.start();
    let one = Seed::new(1).start();
    drop(one.open(&two.target, Lane::Bulk, Method::LiveOutput).await);
    tokio::time::timeout(PATIENCE, seen.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_handler_that_returns_ends_the_stream() {
    let router = Router::default().stream(Method::LiveOutput, |_, frames| async move {
        frames.to.send(Bytes::from("bye")).await.unwrap();
    });
    let two = Seed { router, ..Seed::new(2) }.start();
    let one = Seed::new(1).start();
    let mut frames = one.open(&two.target, Lane::Bulk, Method::LiveOutput).await;
    assert_eq!(frames.from.recv().await, Some(Ok(Bytes::from("bye"))));
    assert_eq!(frames.from.recv().await, None);
    tokio::time::timeout(PATIENCE, frames.to.closed()).await.unwrap();
}

#[tokio::test]
async fn the_longest_frame_passes_and_a_longer_one_does_not() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    let longest = Bytes::from(vec![7; FRAME_MAX]);
    let asked = |message: &Bytes| {
        one.client.call(&two.target, Lane::Bulk, Method::Consensus, message.clone(), PATIENCE)
    };
    assert_eq!(asked(&longest).await.unwrap(), longest);
    let longer = Bytes::from(vec![7; FRAME_MAX + 1]);
    assert!(matches!(asked(&longer).await, Err(CallError::Refused(_))));
}

#[test]
fn a_runtime_without_sockets_may_ask() {
    let elsewhere = tokio::runtime::Runtime::new().unwrap();
    let (one, two) = elsewhere.block_on(async { (Seed::new(1).start(), Seed::new(2).start()) });
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(bare.block_on(one.status(&two)).unwrap(), "2 to n1: hi");
}
