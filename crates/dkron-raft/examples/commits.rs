//! Commits per second of a cluster of one, at 1, 64 and 512 proposals in flight.
//!
//! `cargo run --release -p dkron-raft --example commits -- [directory] [bytes]`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dkron_raft::{Alone, ApplyBatch, Handle, Lane, Leadership, Options, Outcome, StateHandle};
use dkron_store::log::{self, Log};
use tokio::sync::mpsc;

const SPAN: Duration = Duration::from_secs(3);

#[derive(Default)]
struct State {
    marker: Mutex<Option<Bytes>>,
    batches: Mutex<(u64, u64)>,
}

impl StateHandle for State {
    fn marker(&self) -> io::Result<Option<Bytes>> {
        Ok(self.marker.lock().unwrap().clone())
    }

    fn sync(&self) -> io::Result<Option<Bytes>> {
        self.marker()
    }
}

fn owner(state: Arc<State>) -> mpsc::Sender<ApplyBatch> {
    let (batches, mut received) = mpsc::channel::<ApplyBatch>(8);
    std::thread::spawn(move || {
        while let Some(batch) = received.blocking_recv() {
            *state.marker.lock().unwrap() = Some(batch.marker);
            let mut counted = state.batches.lock().unwrap();
            *counted = (counted.0 + 1, counted.1 + batch.entries.len() as u64);
            let _ = batch.done.send(());
        }
    });
    batches
}

async fn client(handle: Handle, body: Bytes, until: Instant) -> Vec<Duration> {
    let mut times = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        let outcome = handle.propose(Lane::Api, body.clone()).await;
        assert!(matches!(outcome, Ok(Outcome::Committed { .. })), "{outcome:?}");
        times.push(begun.elapsed());
    }
    times
}

async fn measure(handle: &Handle, state: &State, flight: usize, body: &Bytes) {
    *state.batches.lock().unwrap() = (0, 0);
    let begun = Instant::now();
    let client = || tokio::spawn(client(handle.clone(), body.clone(), begun + SPAN));
    let clients: Vec<_> = (0..flight).map(|_| client()).collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await.unwrap());
    }
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let (batches, entries) = *state.batches.lock().unwrap();
    let size = entries as f64 / batches.max(1) as f64;
    println!(
        "{flight:4} in flight: {rate:8.0} commits/s, p50 {:?}, p99 {:?}, {size:.0} entries a batch",
        at(0.5),
        at(0.99)
    );
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let directory = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let bytes = args.next().map_or(200, |text| text.parse().unwrap());
    let path = directory.join(format!("commits-{}.log", std::process::id()));
    let log = Arc::new(Log::open(&path, log::Options::default()).unwrap());
    let state = Arc::new(State::default());
    let batches = owner(Arc::clone(&state));
    let options = Options::new(1);
    let handle = dkron_raft::start(options, log, state.clone(), batches, Arc::new(Alone));
    let handle = handle.await.unwrap();
    handle.initialize_single("one", "127.0.0.1:1").await.unwrap();
    handle.leadership().wait_for(Leadership::is_leader).await.unwrap();
    let body = Bytes::from(vec![7; bytes]);
    for flight in [1, 64, 512] {
        measure(&handle, &state, flight, &body).await;
    }
    handle.shutdown().await;
    std::fs::remove_file(path).unwrap();
}
