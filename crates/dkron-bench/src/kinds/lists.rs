//! `bench lists`: lists of a great many jobs while some of them run. The first page and a late one
//! by every sort, searches, and the whole list at once with what it costs the server's memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dkron_conformance::http::authority;
use serde_json::json;

use crate::api::{self, Api, CONNECTIONS, now, parallel};
use crate::args::Args;
use crate::figures::{Report, quantile};
use crate::process::rss_mb;
use crate::target::Target;

/// Requests for each figure, behind a few that nobody counts.
const ASKED: usize = 100;
const WARM: usize = 3;
/// The same for late pages, of each sort.
const LATE: usize = 10;
const PAGE: usize = 50;

/// Every scalar field of a job.
const SORTS: [&str; 20] = [
    "name",
    "displayname",
    "schedule",
    "timezone",
    "owner",
    "owner_email",
    "parent_job",
    "concurrency",
    "executor",
    "status",
    "success_count",
    "error_count",
    "last_success",
    "last_error",
    "next",
    "disabled",
    "ephemeral",
    "retries",
    "starts_at",
    "expires_at",
];

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let jobs: usize = args.number("jobs", 100_000)?;
    let rate: usize = args.number("rate", 500)?;
    anyhow::ensure!((1_000..=2_000_000).contains(&jobs), "--jobs: 1000 to 2000000");
    anyhow::ensure!(rate <= 5_000, "--rate: at most 5000");
    let target = Target::open(args)?;
    let mut report = Report::new(format!("lists of {jobs} jobs, {rate} runs/s"));
    let empty = target.pid().map_or(0.0, rss_mb);
    parallel(&target.url, CONNECTIONS, jobs, |api, index| api.create(&job(index, jobs)))?;
    parallel(&target.url, CONNECTIONS, rate, |api, index| {
        api.create(&api::local_job(jobs + index, "* * * * * *", "noop"))
    })?;
    // What creating left to do is not the cost of lists.
    std::thread::sleep(Duration::from_secs(10));
    if let Some(pid) = target.pid() {
        let grown = (rss_mb(pid) - empty) * 1_048_576.0 / jobs as f64;
        report.put_rounded("server bytes a job", grown);
    }
    let mut api = Api::new(&target.url);
    for sort in SORTS {
        let path =
            |turn| format!("/v1/jobs?_start=0&_end={PAGE}&_sort={sort}&_order={}", way(turn));
        let mut times = ask(&mut api, ASKED, path)?;
        put(&mut report, &format!("first page by {sort}"), &mut times);
    }
    let start = jobs / 10 * 9;
    let mut late = Vec::new();
    for sort in SORTS {
        let end = start + PAGE;
        let path =
            |turn| format!("/v1/jobs?_start={start}&_end={end}&_sort={sort}&_order={}", way(turn));
        late.extend(ask(&mut api, LATE, path)?);
    }
    put(&mut report, &format!("page at {start} by any sort"), &mut late);
    let mut times = ask(&mut api, ASKED, |turn| {
        format!("/v1/jobs?_start=0&_end={PAGE}&q={}", turn * 7 % jobs)
    })?;
    put(&mut report, "q", &mut times);
    let mut times = ask(&mut api, ASKED, |turn| {
        format!("/v1/jobs?_start=0&_end={PAGE}&_sort=next&q=nothing-{turn}")
    })?;
    put(&mut report, "q without a match", &mut times);
    whole(&target, &mut report)?;
    Ok(report)
}

/// Idle jobs that differ in all that lists sort by.
fn job(index: usize, jobs: usize) -> serde_json::Value {
    const ZONES: [&str; 5] = ["UTC", "Europe/Berlin", "Europe/Paris", "America/New_York", ""];
    const WAYS: [&str; 2] = ["allow", "forbid"];
    const EXECUTORS: [&str; 2] = ["shell", "noop"];
    let mixed = index * 7_919 % jobs;
    json!({
        "name": api::name(index),
        "displayname": format!("Job number {mixed}"),
        "schedule": format!("0 {} {} 1 1 *", mixed % 60, mixed % 24),
        "timezone": ZONES[mixed % ZONES.len()],
        "owner": format!("Team {}", mixed % 50),
        "owner_email": format!("team-{}@example.com", mixed % 500),
        "disabled": mixed.is_multiple_of(10),
        "retries": mixed % 4,
        "concurrency": WAYS[mixed % 2],
        "executor": EXECUTORS[mixed % 2],
        "executor_config": {"command": "/bin/true"},
        "metadata": {"team": format!("t{}", mixed % 50), "tier": format!("{}", mixed % 3)},
        "tags": {"server": "true:1"},
        "starts_at": format!("2020-01-01T00:{:02}:00Z", mixed % 60),
        "expires_at": format!("2090-01-01T00:{:02}:00Z", mixed % 60),
    })
}

fn way(turn: usize) -> &'static str {
    if turn.is_multiple_of(2) { "ASC" } else { "DESC" }
}

fn ask(api: &mut Api, asked: usize, path: impl Fn(usize) -> String) -> anyhow::Result<Vec<i64>> {
    let mut times = Vec::with_capacity(asked);
    for turn in 0..WARM + asked {
        let path = path(turn);
        let begun = now();
        api.list(&path)?;
        if turn >= WARM {
            times.push(now() - begun);
        }
    }
    Ok(times)
}

fn put(report: &mut Report, name: &str, micros: &mut [i64]) {
    micros.sort_unstable();
    let shown = |share| quantile(micros, share) / 1_000.0;
    println!("{name}: p50 {:.1} ms, p99 {:.1} ms", shown(0.5), shown(0.99));
    report.put_rounded(&format!("{name} p50 ms"), shown(0.5));
    report.put_rounded(&format!("{name} p99 ms"), shown(0.99));
}

/// The whole list, read as fast as it comes and thrown away.
fn whole(target: &Target, report: &mut Report) -> anyhow::Result<()> {
    let before = target.pid().map_or(0.0, rss_mb);
    let over = AtomicBool::new(false);
    let watch = || {
        let mut most = before;
        while !over.load(Ordering::Relaxed) {
            most = most.max(target.pid().map_or(0.0, rss_mb));
            std::thread::sleep(Duration::from_millis(20));
        }
        most
    };
    let begun = Instant::now();
    let (bytes, most) = std::thread::scope(|scope| {
        let watching = scope.spawn(watch);
        let bytes = drain(&target.url, "/v1/jobs");
        over.store(true, Ordering::Relaxed);
        (bytes, watching.join().unwrap_or_default())
    });
    report.put_rounded("whole list MB", bytes? as f64 / 1_048_576.0);
    report.put_rounded("whole list s", begun.elapsed().as_secs_f64());
    report.put_rounded("RSS MB before", before);
    report.put_rounded("RSS MB grown by the whole list", most - before);
    Ok(())
}

/// Bytes of an answer of any length.
fn drain(url: &str, target: &str) -> anyhow::Result<u64> {
    let host = authority(url)?;
    let mut stream = TcpStream::connect(&host)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut room = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        match stream.read(&mut room)? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}
