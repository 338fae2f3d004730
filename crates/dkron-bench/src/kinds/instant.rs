//! `bench instant`: many jobs due at the same instant; how long until the last has started.

use std::time::Duration;

use dkron_conformance::instant::format;

use crate::api::{self, CONNECTIONS, now, parallel, sleep_until, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::limits;
use crate::process::rss_mb;
use crate::sink::{SECOND, Sink, account, tally};
use crate::target::Target;

const MOST: Duration = Duration::from_secs(90);

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let jobs: usize = args.number("jobs", 5_000)?;
    anyhow::ensure!((1..=1_000_000).contains(&jobs), "--jobs: 1 to 1000000");
    let target = Target::open(args)?;
    let sink = Sink::start()?;
    let begun = now();
    let due = (now() / SECOND + 5 + jobs as i64 / 400) * SECOND;
    let schedule = format!("@at {}", format(due / SECOND));
    parallel(&target.url, CONNECTIONS, jobs, |api, index| {
        api.create(&api::http_job(index, &schedule, &sink.url))
    })?;
    let created = now();
    anyhow::ensure!(created < due, "creating {jobs} jobs took longer than expected: lower --jobs");
    sleep_until(due);
    wait_for(MOST, || sink.count() >= jobs);
    let arrivals = sink.arrivals();
    let counts = account(&tally(&arrivals), jobs, std::iter::once(due));
    let mut report = Report::new(format!("{jobs} http runs at one instant"));
    report.put_rounded("creates/s", jobs as f64 * SECOND as f64 / (created - begun) as f64);
    report.put("missed", counts.missed);
    report.put("double", counts.double);
    let mut lags: Vec<i64> = arrivals.iter().map(|a| a.at - due).collect();
    report.put_times("lag", &mut lags);
    let last = lags.last().copied().unwrap_or(0).max(1);
    let rate = jobs as f64 * SECOND as f64 / last as f64;
    report.put_rounded("runs/s until the last", rate);
    report.put_ratio("of loopback HTTP/s", rate, limits::calls());
    if let Some(pid) = target.pid() {
        report.put_rounded("server RSS MB", rss_mb(pid));
    }
    report.problem_if(counts.missed + counts.double > 0, "not every job came exactly once");
    Ok(report)
}
