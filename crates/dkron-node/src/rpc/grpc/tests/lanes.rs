//! What is long does not hold up what is urgent.

use bytes::Bytes;

use super::node::{PATIENCE, Seed};
use crate::rpc::{Lane, Method, Router};

const PIECE: usize = 256 << 10;
const PIECES: usize = 400;

/// A hundred megabytes, to a reader that sleeps until it is told to read.
/// Bears T-15.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_pass_a_hundred_megabytes() {
    let (wake, sleeping) = tokio::sync::watch::channel(false);
    let router = super::node::router(2).stream(Method::PutOutput, move |_, mut frames| {
        let mut sleeping = sleeping.clone();
        async move {
            sleeping.wait_for(|awake| *awake).await.unwrap();
            let mut bytes = 0u64;
            while let Some(Ok(frame)) = frames.from.recv().await {
                bytes += frame.len() as u64;
            }
            frames.to.send(Bytes::copy_from_slice(&bytes.to_be_bytes())).await.unwrap();
        }
    });
    let two = Seed { router, ..Seed::new(2) }.start();
    let one = Seed::new(1).start();
    let mut streams = Vec::new();
    for lane in [Lane::Bulk, Lane::Control] {
        let mut frames = one.open(&two.target, lane, Method::PutOutput).await;
        streams.push(tokio::spawn(async move {
            for _ in 0..PIECES / 2 {
                frames.to.send(Bytes::from(vec![1; PIECE])).await.unwrap();
            }
            drop(frames.to);
            frames.from.recv().await.unwrap().unwrap()
        }));
    }
    // The reader sleeps: nothing more fits into either stream, everything else passes.
    for _ in 0..100 {
        one.status(&two).await.unwrap();
        let mut frames = one.open(&two.target, Lane::Bulk, Method::LiveOutput).await;
        frames.to.send(Bytes::from("x")).await.unwrap();
        assert_eq!(frames.from.recv().await, Some(Ok(Bytes::from("x"))));
    }
    wake.send(true).unwrap();
    while !streams.iter().all(|stream| stream.is_finished()) {
        one.status(&two).await.unwrap();
    }
    for stream in streams {
        let bytes = tokio::time::timeout(PATIENCE, stream).await.unwrap().unwrap();
        assert_eq!(bytes, ((PIECE * PIECES / 2) as u64).to_be_bytes().to_vec());
    }
}

/// Nobody reads, so the sender has to wait.
#[tokio::test]
async fn a_reader_that_sleeps_stops_the_sender() {
    let router = Router::default().stream(Method::PutOutput, |_, frames| async move {
        frames.to.closed().await;
    });
    let two = Seed { router, ..Seed::new(2) }.start();
    let one = Seed::new(1).start();
    let frames = one.open(&two.target, Lane::Bulk, Method::PutOutput).await;
    let mut sent = 0;
    let waits = tokio::time::Duration::from_millis(500);
    while let Ok(result) =
        tokio::time::timeout(waits, frames.to.send(Bytes::from(vec![1; PIECE]))).await
    {
        result.unwrap();
        sent += 1;
        assert!(sent < PIECES, "nothing holds the sender back");
    }
}
