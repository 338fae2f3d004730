//! What the machine itself can do in the same hour: processes, syncs, loopback calls a second.

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dkron_conformance::http::{Connection, Request};
use dkron_conformance::listen::{Listener, Reply};

use crate::figures::Report;

const WHILE: Duration = Duration::from_millis(1_000);
const CALLERS: usize = 8;
const FORKERS: usize = 4;

pub fn report() -> Report {
    let mut report = Report::new("limits of the machine");
    report.put_rounded("fork+exec/s", forks());
    report.put_rounded("parallel fork+exec/s", parallel_forks());
    report.put_rounded("fsync/s", syncs());
    report.put_rounded("loopback HTTP/s", calls());
    report
}

fn rate(mut work: impl FnMut() -> bool) -> f64 {
    let begun = Instant::now();
    let mut count = 0.0;
    while begun.elapsed() < WHILE && work() {
        count += 1.0;
    }
    count / begun.elapsed().as_secs_f64()
}

/// `/bin/true`, one after the other.
pub fn forks() -> f64 {
    rate(fork)
}

/// `/bin/true`, four at a time: what this machine can start in all.
pub fn parallel_forks() -> f64 {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..FORKERS).map(|_| scope.spawn(|| rate(fork))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0.0)).sum()
    })
}

fn fork() -> bool {
    let mut command = Command::new("/bin/true");
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// 512 bytes appended and synced, one after the other.
pub fn syncs() -> f64 {
    let path = std::env::temp_dir().join(format!("dkron-sync-{}", std::process::id()));
    let Ok(mut file) = File::create(&path) else {
        return 0.0;
    };
    let rate = rate(|| file.write_all(&[7; 512]).is_ok() && file.sync_data().is_ok());
    let _ = std::fs::remove_file(path);
    rate
}

/// Calls over kept connections, both ends on this machine.
pub fn calls() -> f64 {
    let answer = |_| Some(Reply { status: 200, body: b"ok".to_vec() });
    let Ok(listener) = Listener::start(answer) else {
        return 0.0;
    };
    let total = AtomicU64::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let Ok(mut line) = Connection::open(&listener.url, WHILE * 5) else {
                    return;
                };
                let request = Request::new("GET", "/");
                while begun.elapsed() < WHILE && line.send(&request).is_ok() {
                    total.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    total.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}
