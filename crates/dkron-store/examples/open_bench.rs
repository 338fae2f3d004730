//! How long a start takes: a log of a million entries and 256 MiB, and the rows of 100,000 jobs
//! with a million of history. `cargo run --release -p dkron-store --example open_bench -- DIR`
//! fills DIR the first time and measures the open each time.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use dkron_store::data_dir::Options;
use dkron_store::state::{Keyspace, Op, State};
use dkron_store::{DataDir, Error};

const ENTRIES: u64 = 1_000_000;
const ENTRY_BYTES: usize = 268;
const JOBS: u64 = 100_000;
const HISTORY: u64 = 1_000_000;

fn main() {
    let path = std::env::args().nth(1).expect("give a directory");
    let dir = DataDir::open(path.as_ref(), Options::new([1; 16], "bench")).unwrap();
    let begin = Instant::now();
    let log = dir.log().unwrap();
    println!("open log: {:?}, {} MiB", begin.elapsed(), log.bytes_on_disk() >> 20);
    let begin = Instant::now();
    let state = dir.state().unwrap();
    println!("open state: {:?}, {} MiB", begin.elapsed(), state.disk_bytes() >> 20);
    if log.last_index().is_none() {
        fill_log(&log);
        fill_state(&state);
        println!("filled: start again");
        return;
    }
    for keyspace in [Keyspace::Definition, Keyspace::Runtime, Keyspace::History] {
        let (begin, mut rows) = (Instant::now(), 0_u64);
        let each = |_: &[u8], _: &[u8]| -> Result<(), Error> {
            rows += 1;
            Ok(())
        };
        state.for_each(keyspace, each).unwrap();
        println!("read {rows} rows of {keyspace:?}: {:?}", begin.elapsed());
    }
}

fn fill_log(log: &dkron_store::log::Log) {
    for index in 0..ENTRIES {
        let done = |result: Result<(), Error>| result.unwrap();
        log.append(vec![(index, vec![7; ENTRY_BYTES])], Box::new(done)).unwrap();
    }
    log.save_vote(b"vote".to_vec()).unwrap();
}

fn fill_state(state: &State) {
    let mut index = 0;
    let mut push = |ops: Vec<Op>| {
        index += 1;
        state.push(index, ops).unwrap();
        while !state.wait_below(100_000, Duration::from_secs(1)) {}
    };
    for job in 0..JOBS {
        push(vec![
            Op::put_new(Keyspace::Definition, job.to_be_bytes(), vec![b'd'; 300]),
            Op::put_new(Keyspace::Runtime, job.to_be_bytes(), vec![b'r'; 80]),
        ]);
    }
    for n in 0..HISTORY {
        let key = [(n % JOBS).to_be_bytes(), (n / JOBS).to_be_bytes()].concat();
        push(vec![
            Op::put_new(Keyspace::History, key, vec![b'h'; 160]),
            Op::put(Keyspace::Runtime, (n % JOBS).to_be_bytes(), n.to_le_bytes().repeat(10)),
        ]);
    }
    state.sync().unwrap();
}
