//! `bench failover`: three servers and two agents under load. The leader is killed again and
//! again: how long is there no leader in office? Then it is asked to stop, by signal and by API in
//! turn: how late is anything that is due around it? Afterwards every due time is accounted for.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dkron_conformance::cluster::Cluster;
use dkron_conformance::http::{self, Request};
use dkron_conformance::server::{Server, binary};
use serde_json::json;

use super::scheduled::between;
use super::stories::{PERIOD, judge, read, schedule};
use crate::api::{self, CONNECTIONS, now, parallel, sleep_until, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::sink::{Arrival, SECOND, Sink};

const SERVERS: usize = 3;
const AGENTS: usize = 2;
const ROUNDS_MAX: usize = 100;
const STORED_MAX: usize = 200_000;
const ANSWER: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(30);
/// So far from a stop a due time counts as one around it.
const AROUND: i64 = 2 * SECOND;

/// What a leader that dies may cost, and one that is asked to stop.
const OFFICE_P50: i64 = 1_500_000;
const OFFICE_MAX: i64 = 3_000_000;
const LAG_MAX: i64 = 300_000;

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let rounds: usize = args.number("rounds", 10)?;
    let stops: usize = args.number("stops", 20)?;
    let rate: usize = args.number("rate", 200)?;
    let stored: usize = args.number("stored", 0)?;
    anyhow::ensure!(rounds + stops > 0 && rounds + stops <= ROUNDS_MAX, "1 to {ROUNDS_MAX} rounds");
    anyhow::ensure!((1..=5_000).contains(&rate), "--rate: 1 to 5000");
    anyhow::ensure!(stored <= STORED_MAX, "--stored: at most {STORED_MAX}");
    anyhow::ensure!(args.text("url").is_none(), "starts a cluster of its own: leave --url out");
    let bin = match args.text("bin") {
        Some(path) => PathBuf::from(path).canonicalize().context("--bin")?,
        None => binary().context("name a binary with --bin")?,
    };
    let mut cluster = Cluster::start_with(&bin, AGENTS, &["--tag=seat=yes", "--log-level=warn"])?;
    let sink = Sink::start()?;
    let jobs = rate * PERIOD as usize;
    store(&cluster.servers[0].url, jobs, stored)?;
    let first = (now() / SECOND + 4 + jobs as i64 / 100) * SECOND;
    create(&cluster.servers[0].url, jobs, first, &sink.url)?;
    sleep_until(first);
    let (mut gaps, mut around) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        rest(round);
        gaps.push(kill(&mut cluster)?);
        println!("== kill {}: in office after {} ms", round + 1, gaps[round] / 1_000);
        cluster.wait_ready()?;
    }
    for round in 0..stops {
        rest(round);
        around.push(stop(&mut cluster, round % 2 == 0)?);
        cluster.wait_ready()?;
        // Who left votes again once it has caught up.
        cluster.wait_voters(cluster.led()?, SERVERS)?;
    }
    std::thread::sleep(Duration::from_secs(3));
    let until = now() - now().rem_euclid(SECOND) - SECOND;
    let title = format!("{rounds} times kill -9 of the leader, {stops} planned stops");
    let mut report = Report::new(format!("{title}, at {rate} http runs/s"));
    report.put("idle jobs beside them", stored);
    put_gaps(&mut report, &mut gaps);
    put_lags(&mut report, &sink.arrivals(), &around);
    let stories = read(&cluster.servers[0].url, jobs, first, until)?;
    judge(&mut report, &stories, &sink, until);
    Ok(report)
}

/// Jobs that are there and never due.
fn store(url: &str, from: usize, count: usize) -> anyhow::Result<()> {
    let idle = |index| api::local_job(from + index, "0 0 0 1 1 *", "shell");
    parallel(url, CONNECTIONS, count, |api, index| api.create(&idle(index)))?;
    Ok(())
}

/// Jobs that may run on any node, one run for each due time.
fn create(url: &str, jobs: usize, first: i64, sink: &str) -> anyhow::Result<()> {
    parallel(url, CONNECTIONS, jobs, |api, index| {
        let mut job = api::http_job(index, schedule(index), sink);
        job["tags"] = json!({"seat": "yes:1"});
        job["retention"] = json!({"executions": 10_000});
        between(&mut job, first, 3_600);
        api.create(&job)
    })?;
    anyhow::ensure!(now() < first, "creating {jobs} jobs took longer than expected: lower --rate");
    Ok(())
}

/// Different distances from the last whole second, and from the last restart.
fn rest(round: usize) {
    std::thread::sleep(Duration::from_millis(2_500 + 337 * round as u64 % 1_900));
}

/// Kills the leader and starts it again once another one is in office; the time until then.
fn kill(cluster: &mut Cluster) -> anyhow::Result<i64> {
    let old = cluster.led()?;
    let begun = Instant::now();
    cluster.servers[old].kill()?;
    let others: Vec<&Server> = others(cluster, old).collect();
    while !others.iter().any(|server| is_in_office(server)) {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "nobody leads:\n{}", cluster.logs());
        std::thread::sleep(POLL);
    }
    let gap = begun.elapsed().as_micros() as i64;
    cluster.servers[old].spawn_again()?;
    Ok(gap)
}

fn others(cluster: &Cluster, old: usize) -> impl Iterator<Item = &Server> {
    cluster.servers.iter().enumerate().filter(move |(place, _)| *place != old).map(|(_, s)| s)
}

/// A server says this of itself when the entry that begins its office is applied.
fn is_in_office(server: &Server) -> bool {
    let got = http::send(&server.url, &Request::new("GET", "/v1/isleader"), ANSWER);
    got.is_ok_and(|response| response.status == 200)
}

/// Asks the leader to end and starts it again; when it was asked.
fn stop(cluster: &mut Cluster, by_signal: bool) -> anyhow::Result<i64> {
    let old = cluster.led()?;
    let at = now();
    let server = &mut cluster.servers[old];
    if by_signal {
        server.stop();
    } else {
        server.post("/v1/leave", &json!({}))?;
        let ended = wait_for(PATIENCE, || !server.is_alive());
        anyhow::ensure!(ended, "it was asked to leave and stays:\n{}", server.log_tail());
    }
    let took = (now() - at) / 1_000;
    let way = if by_signal { "SIGTERM" } else { "POST /v1/leave" };
    println!("== {way}: ended after {took} ms");
    server.spawn_again()?;
    Ok(at)
}

fn put_gaps(report: &mut Report, gaps: &mut [i64]) {
    if gaps.is_empty() {
        return;
    }
    report.put_times("kill to next office", gaps);
    let (p50, max) = (gaps[(gaps.len() - 1) / 2], gaps[gaps.len() - 1]);
    report.problem_if(p50 >= OFFICE_P50, format!("half of all offices begin after {p50} us"));
    report.problem_if(max >= OFFICE_MAX, format!("an office began after {max} us"));
}

fn put_lags(report: &mut Report, arrivals: &[Arrival], stops: &[i64]) {
    if stops.is_empty() {
        return;
    }
    let is_near = |one: &&Arrival| stops.iter().any(|at| (one.nominal - at).abs() <= AROUND);
    let mut lags: Vec<i64> = arrivals.iter().filter(is_near).map(|a| a.at - a.nominal).collect();
    report.put_times("lag around a planned stop", &mut lags);
    let max = lags.last().copied().unwrap_or(i64::MAX);
    report.problem_if(max >= LAG_MAX, format!("around a planned stop a start was {max} us late"));
}
