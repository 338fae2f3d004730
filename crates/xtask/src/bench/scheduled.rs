//! `bench scheduled` and `bench shell`: N jobs of every second for a while. Nothing may be missed,
//! nothing may come twice, and the lag from due time to start is the measure.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use dkron_conformance::instant;
use serde_json::{Value, json};

use super::api::{self, Api, CONNECTIONS, now, parallel, sleep_until, wait_for};
use super::figures::Report;
use super::limits;
use super::process::{cpu_seconds, rss_mb};
use super::sink::{Account, Arrival, SECOND, Sink, account, tally};
use super::target::Target;
use crate::args::Args;

/// Dkron keeps this many executions of a job: a shell run is read from there.
const HISTORY: i64 = 100;
const DRAIN: Duration = Duration::from_secs(15);

pub fn run(args: &Args, executor: &str, rate_default: usize) -> anyhow::Result<Report> {
    let rate: usize = args.number("rate", rate_default)?;
    let seconds: i64 = args.number("seconds", 30)?;
    let is_http = match executor {
        "http" => true,
        "shell" => false,
        other => bail!("--executor `{other}`: http or shell"),
    };
    anyhow::ensure!((1..=100_000).contains(&rate), "--rate: 1 to 100000");
    anyhow::ensure!((1..=3_600).contains(&seconds), "--seconds: 1 to 3600");
    anyhow::ensure!(is_http || seconds < HISTORY, "--seconds: below {HISTORY} with shell");
    let target = Target::open(args)?;
    let sink = Sink::start()?;
    let begun = now();
    // Slow servers create some hundred jobs a second; starting later costs only patience.
    let first = (now() / SECOND + 4 + rate as i64 / 250) * SECOND;
    let slots = (0..seconds).map(|s| first + s * SECOND);
    parallel(&target.url, CONNECTIONS, rate, |api, index| {
        let mut job = match is_http {
            true => api::http_job(index, "* * * * * *", &sink.url),
            false => api::shell_job(index, "* * * * * *"),
        };
        between(&mut job, first, seconds);
        api.create(&job)
    })?;
    let created = now();
    anyhow::ensure!(
        created < first,
        "creating {rate} jobs took longer than expected: lower --rate"
    );
    println!("== {rate} jobs created; load for {seconds} s");
    sleep_until(first);
    let cpu = target.pid().map_or(0.0, cpu_seconds);
    sleep_until(first + seconds * SECOND);
    let cpu = target.pid().map_or(0.0, cpu_seconds) - cpu;
    let arrivals = match is_http {
        true => {
            let wanted = rate * usize::try_from(seconds)?;
            wait_for(DRAIN, || sink.count() >= wanted);
            sink.arrivals()
        }
        false => starts(&target.url, rate, seconds)?,
    };
    let mut report = Report::new(format!("{rate} scheduled {executor} runs/s for {seconds} s"));
    report.put_rounded("creates/s", rate as f64 * SECOND as f64 / (created - begun) as f64);
    let account = account(&tally(&arrivals), rate, slots);
    judge(&mut report, &arrivals, &account);
    if let Some(pid) = target.pid() {
        report.put_rounded("server RSS MB", rss_mb(pid));
        report.put_rounded("server CPU %", 100.0 * cpu / seconds as f64);
    }
    let (name, limit) = match is_http {
        true => ("of loopback HTTP/s", limits::calls()),
        false => ("of fork+exec/s", limits::forks()),
    };
    report.put_ratio(name, rate as f64, limit);
    Ok(report)
}

fn judge(report: &mut Report, arrivals: &[Arrival], account: &Account) {
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
fn starts(url: &str, jobs: usize, seconds: i64) -> anyhow::Result<Vec<Arrival>> {
    let mut last = Api::new(url);
    let complete = format!("/v1/jobs/{}/executions", api::name(jobs - 1));
    wait_for(DRAIN, || last.list(&complete).is_ok_and(|list| list.len() as i64 >= seconds));
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
