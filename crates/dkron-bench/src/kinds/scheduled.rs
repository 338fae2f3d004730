//! `bench scheduled`, `bench shell`, `bench noop`: N jobs of every second for a while. Nothing may
//! be missed, nothing may come twice, and the lag from due time to start is the measure.

use std::collections::HashMap;
use std::time::Duration;

use dkron_conformance::instant;
use serde_json::{Value, json};

use crate::api::{self, Api, CONNECTIONS, now, parallel, sleep_until, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::limits;
use crate::process::{cpu_seconds, rss_mb};
use crate::sink::{Account, Arrival, SECOND, Sink, account, tally};
use crate::target::Target;

/// Looks at the server's memory, evenly over the load.
const PARTS: i64 = 4;
/// Dkron keeps this many executions of a job: runs that call nobody are read from there.
const HISTORY: i64 = 100;
const DRAIN: Duration = Duration::from_secs(15);

pub fn run(args: &Args, executor: &str, rate_default: usize) -> anyhow::Result<Report> {
    let load = Load::new(args, executor, rate_default)?;
    let target = Target::open(args)?;
    let sink = Sink::start()?;
    store(&target.url, load.rate, load.stored)?;
    let begun = now();
    // Slow servers create some hundred jobs a second; starting later costs only patience.
    let start = (now() / SECOND + 4 + load.rate as i64 / 250) * SECOND;
    let first = start + load.warm * SECOND;
    let slots = (0..load.seconds).map(|s| first + s * SECOND);
    parallel(&target.url, CONNECTIONS, load.rate, |api, index| {
        let mut job = match load.is_http() {
            true => api::http_job(index, "* * * * * *", &sink.url),
            false => api::local_job(index, "* * * * * *", &load.executor),
        };
        between(&mut job, start, load.warm + load.seconds);
        // Without tags it would run on each of several nodes.
        job["tags"] = target.one_node();
        api.create(&job)
    })?;
    let created = now();
    anyhow::ensure!(
        created < start,
        "creating {} jobs took longer than expected: lower --rate",
        load.rate
    );
    println!("== {} jobs created; load for {} s", load.rate, load.warm + load.seconds);
    sleep_until(first);
    let cpu = target.pid().map_or(0.0, cpu_seconds);
    let following = || target.followers().into_iter().map(cpu_seconds).sum::<f64>();
    let followers = following();
    let mut sizes = Vec::new();
    for part in 1..=PARTS {
        sleep_until(first + load.seconds * SECOND * part / PARTS);
        sizes.extend(target.pid().map(rss_mb));
    }
    let cpu = target.pid().map_or(0.0, cpu_seconds) - cpu;
    let followers = (following() - followers) / target.followers().len().max(1) as f64;
    let arrivals = match load.is_http() {
        true => {
            let wanted = load.rate * usize::try_from(load.warm + load.seconds)?;
            wait_for(DRAIN, || sink.count() >= wanted);
            sink.arrivals()
        }
        false => starts(&target.url, load.rate, load.warm + load.seconds)?,
    };
    let arrivals: Vec<Arrival> = arrivals.into_iter().filter(|a| a.nominal >= first).collect();
    let mut report = Report::new(load.title());
    report.put_rounded("creates/s", load.rate as f64 * SECOND as f64 / (created - begun) as f64);
    let account = account(&tally(&arrivals), load.rate, slots);
    judge(&mut report, &arrivals, &account);
    for (part, size) in sizes.into_iter().enumerate() {
        report.put_rounded(
            &format!("server RSS MB at {} %", 100 * (part + 1) / PARTS as usize),
            size,
        );
    }
    if target.pid().is_some() {
        report.put_rounded("server CPU %", 100.0 * cpu / load.seconds as f64);
    }
    if !target.followers().is_empty() {
        report.put_rounded("a follower's CPU %", 100.0 * followers / load.seconds as f64);
        report.put_ratio("a follower's CPU of the leader's", followers, cpu);
    }
    load.compare(&mut report);
    Ok(report)
}

/// What is asked for.
struct Load {
    executor: String,
    rate: usize,
    seconds: i64,
    /// Seconds of the same load before the measured ones.
    warm: i64,
    /// Idle jobs beside it.
    stored: usize,
}

impl Load {
    fn new(args: &Args, executor: &str, rate_default: usize) -> anyhow::Result<Load> {
        let load = Load {
            executor: executor.to_owned(),
            rate: args.number("rate", rate_default)?,
            seconds: args.number("seconds", 30)?,
            warm: args.number("warm", 0)?,
            stored: args.number("stored", 0)?,
        };
        let known = ["http", "shell", "noop"].contains(&executor);
        anyhow::ensure!(known, "--executor `{executor}`: http, shell or noop");
        anyhow::ensure!((1..=100_000).contains(&load.rate), "--rate: 1 to 100000");
        anyhow::ensure!((1..=3_600).contains(&load.seconds), "--seconds: 1 to 3600");
        anyhow::ensure!((0..=3_600).contains(&load.warm), "--warm: 0 to 3600");
        anyhow::ensure!(load.stored <= 2_000_000, "--stored: at most 2000000");
        let read = load.is_http() || load.seconds < HISTORY;
        anyhow::ensure!(read, "--seconds: below {HISTORY} with {executor}: read from the history");
        Ok(load)
    }

    fn is_http(&self) -> bool {
        self.executor == "http"
    }

    fn title(&self) -> String {
        let Load { executor, rate, seconds, warm, stored } = self;
        let mut title = format!("{rate} scheduled {executor} runs/s for {seconds} s");
        if *stored > 0 {
            title += &format!(" beside {stored} idle jobs");
        }
        if *warm > 0 {
            title += &format!(" after {warm} s of the same");
        }
        title
    }

    fn compare(&self, report: &mut Report) {
        let rate = self.rate as f64;
        match self.executor.as_str() {
            "http" => report.put_ratio("of loopback HTTP/s", rate, limits::calls()),
            "shell" => {
                report.put_ratio("of parallel fork+exec/s", rate, limits::parallel_forks());
                report.put_ratio("of fork+exec/s", rate, limits::forks());
            }
            // Alone it could be one sync for each run.
            _ => report.put_ratio("of fsync/s", rate, limits::syncs()),
        }
    }
}

/// Idle jobs, numbered behind those of the load.
fn store(url: &str, from: usize, count: usize) -> anyhow::Result<()> {
    parallel(url, CONNECTIONS, count, |api, index| {
        api.create(&api::local_job(from + index, "0 0 0 1 1 *", "shell"))
    })?;
    Ok(())
}

pub fn judge(report: &mut Report, arrivals: &[Arrival], account: &Account) {
    let Account { expected, missed, double, foreign } = *account;
    report.put("due", expected);
    report.put("missed", missed);
    report.put("double", double);
    report.put("not due", foreign);
    let mut lags: Vec<i64> = arrivals.iter().map(|a| a.at - a.nominal).collect();
    report.put_times("lag", &mut lags);
    report.problem_if(missed + double + foreign > 0, "not every due time came exactly once");
}

/// Half a second around whole ones, so that no server's idea of an edge matters.
pub fn between(job: &mut Value, first: i64, seconds: i64) {
    let text = |micros: i64| {
        let whole = instant::format(micros.div_euclid(SECOND));
        format!("{}.5Z", whole.trim_end_matches('Z'))
    };
    job["starts_at"] = json!(text(first - SECOND / 2));
    job["expires_at"] = json!(text(first + seconds * SECOND - SECOND / 2));
}

/// Starts of every job from its history, once all of them are there or the wait is over.
pub fn starts(url: &str, jobs: usize, seconds: i64) -> anyhow::Result<Vec<Arrival>> {
    let mut last = Api::new(url);
    let complete = format!("/v1/jobs/{}/executions", api::name(jobs - 1));
    let kept = seconds.min(HISTORY);
    wait_for(DRAIN, || last.list(&complete).is_ok_and(|list| list.len() as i64 >= kept));
    let lists = parallel(url, 4, jobs, |api, index| {
        let list = api.list(&format!("/v1/jobs/{}/executions", api::name(index)))?;
        Ok(list.iter().filter_map(|run| start(index, run)).collect::<Vec<_>>())
    })?;
    Ok(lists.into_iter().flatten().collect())
}

fn start(job: usize, run: &Value) -> Option<Arrival> {
    let at = run["started_at"].as_str().and_then(instant::parse)?;
    let said = run["scheduled_at"].as_str().and_then(instant::parse);
    Some(Arrival { job, nominal: said.unwrap_or(at - at.rem_euclid(SECOND)), at })
}

/// Runs by state, for reports.
pub fn states(runs: &[Value]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for run in runs {
        let state = run["state"].as_str().unwrap_or("unnamed");
        *counts.entry(state.to_owned()).or_insert(0) += 1;
    }
    counts
}
