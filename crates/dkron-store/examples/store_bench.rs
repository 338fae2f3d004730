//! Prints what the store does on this disk: log entries, rows, blobs, memory.
//!
//! `cargo run --release -p dkron-store --example store_bench -- <directory>`; the directory must
//! be new or empty. Once more over the same directory it measures the open.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::sync::mpsc;
use std::time::{Duration, Instant};

use dkron_store::DataDir;
use dkron_store::data_dir::Options;
use dkron_store::log::Log;
use dkron_store::state::{Keyspace, Op, Scan, State};

fn main() {
    let path = std::env::args().nth(1).expect("give a directory");
    let begin = Instant::now();
    let dir = DataDir::open(path.as_ref(), Options::new([1; 16], "bench")).unwrap();
    let log = dir.log().unwrap();
    println!("open: {:?}, log of {} MB", begin.elapsed(), log.bytes_on_disk() >> 20);
    println!("memory at start: {}", memory());
    if log.last_index().is_some() {
        return;
    }
    let mut index = 0;
    for (in_flight, bytes, count) in
        [(1, 200, 3_000), (64, 200, 200_000), (512, 200, 400_000), (16, 20_000, 10_000)]
    {
        append(&log, &mut index, in_flight, bytes, count);
    }
    purge(&log, index);
    println!("memory after the log: {}", memory());
    let state = dir.state().unwrap();
    rows(&state);
    println!("memory after the rows: {}", memory());
    let blobs = dir.blobs().unwrap();
    let begin = Instant::now();
    for n in 0..2_000_u32 {
        blobs.put(format!("line {n} of an output\n").repeat(3_000).as_bytes()).unwrap();
        if n % 20 == 0 {
            blobs.sync().unwrap();
        }
    }
    println!("blobs of 66 kB, a sync for 20: {:.0}/s", 2_000.0 / begin.elapsed().as_secs_f64());
    println!("memory at the end: {}", memory());
}

fn append(log: &Log, index: &mut u64, in_flight: usize, bytes: usize, count: u64) {
    let (done, answers) = mpsc::channel();
    let mut times = Vec::new();
    let begin = Instant::now();
    let mut open = 0;
    for _ in 0..count {
        while open >= in_flight {
            times.push(answers.recv().unwrap());
            open -= 1;
        }
        let (done, at) = (done.clone(), Instant::now());
        let answer = move |result: Result<(), dkron_store::Error>| {
            result.unwrap();
            let _ = done.send(at.elapsed());
        };
        log.append(vec![(*index, vec![7; bytes])], Box::new(answer)).unwrap();
        *index += 1;
        open += 1;
    }
    for _ in 0..open {
        times.push(answers.recv().unwrap());
    }
    let all = begin.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!(
        "log: {bytes} bytes, {in_flight} in flight: {:.0}/s, p50 {:?}, p99 {:?}",
        count as f64 / all,
        at(0.5),
        at(0.99)
    );
}

fn purge(log: &Log, index: u64) {
    println!("log holds {} MB", log.bytes_on_disk() >> 20);
    let begin = Instant::now();
    log.purge_upto(index - 1_000, b"marker".to_vec()).unwrap();
    println!("purge of {} entries answered after {:?}", index, begin.elapsed());
    let begin = Instant::now();
    let mut worst = Duration::ZERO;
    for n in 0..400 {
        let one = Instant::now();
        let (done, answer) = mpsc::channel();
        let entry = vec![(index + n, vec![1; 200])];
        log.append(entry, Box::new(move |_| done.send(()).unwrap())).unwrap();
        answer.recv().unwrap();
        worst = worst.max(one.elapsed());
    }
    println!("400 appends during the removal: {:?}, worst {worst:?}", begin.elapsed());
}

fn rows(state: &State) {
    let count = 1_000_000_u64;
    let begin = Instant::now();
    let mut brakes = Duration::ZERO;
    for index in 0..count / 4 {
        let job = (index % 1_000).to_be_bytes();
        let key = |n: u64| [job.as_slice(), n.to_be_bytes().as_slice()].concat();
        let runtime = index.to_le_bytes().repeat(8);
        let mut ops = vec![
            Op::put(Keyspace::Runtime, job, runtime),
            Op::put_new(Keyspace::History, key(index), vec![b'h'; 160]),
            Op::put_new(Keyspace::Ring, index.to_be_bytes(), key(index)),
        ];
        if index >= 100_000 {
            ops.push(Op::delete(Keyspace::History, key(index - 100_000)));
        }
        state.push(index + 1, ops).unwrap();
        if state.pending_len() > 60_000 {
            let one = Instant::now();
            while !state.wait_below(60_000, Duration::from_secs(1)) {}
            brakes += one.elapsed();
        }
    }
    state.flush().unwrap();
    println!(
        "rows: {:.0}/s pushed ({brakes:?} waited for room)",
        count as f64 / begin.elapsed().as_secs_f64()
    );
    let begin = Instant::now();
    state.sync().unwrap();
    println!("sync of the rows: {:?}", begin.elapsed());
    let begin = Instant::now();
    for job in 0..1_000_u64 {
        let prefix = job.to_be_bytes();
        state.scan(Keyspace::History, Scan::prefix(&prefix, 20).reverse()).unwrap();
    }
    println!("newest 20 rows of a job: {:?} each", begin.elapsed() / 1_000);
    println!("state on disk: {} MB", state.disk_bytes() >> 20);
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|l| l.starts_with("VmRSS") || l.starts_with("VmHWM"));
    lines.map(|line| line.replace('\t', " ")).collect::<Vec<_>>().join(", ")
}
