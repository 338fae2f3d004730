//! `bench overload`: far more than a server can hold, and users who write meanwhile. It may shed
//! and skip, with reasons; it may not exit, and it must recover by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dkron_conformance::http::Request;

use super::scheduled::between;
use crate::api::{self, Api, CONNECTIONS, now, parallel, sleep_until, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::process::rss_mb;
use crate::sink::{SECOND, Sink};
use crate::target::Target;

const RECOVERY_MOST: Duration = Duration::from_secs(120);
/// Jobs whose account is read at the end.
const LOOKED_AT: usize = 500;

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let rate: usize = args.number("rate", 40_000)?;
    let seconds: i64 = args.number("seconds", 20)?;
    anyhow::ensure!((1..=200_000).contains(&rate), "--rate: 1 to 200000");
    anyhow::ensure!((1..=90).contains(&seconds), "--seconds: 1 to 90");
    let mut target = Target::open(args)?;
    let sink = Sink::start()?;
    let first = (now() / SECOND + 4 + rate as i64 / 2_000) * SECOND;
    parallel(&target.url, CONNECTIONS, rate, |api, index| {
        let mut job = api::http_job(index, "* * * * * *", &sink.url);
        between(&mut job, first, seconds);
        api.create(&job)
    })?;
    let mut report = Report::new(format!("{rate} http runs/s due for {seconds} s, and writes"));
    sleep_until(first);
    let (statuses, most) = write_meanwhile(&target, rate, first + seconds * SECOND)?;
    for (status, count) in &statuses {
        report.put(&format!("writes answered {status}"), *count);
    }
    report.put_rounded("server RSS MB at most", most);
    report.put_rounded("runs/s under way", sink.count() as f64 / seconds as f64);
    let recovered = recovery(&target.url, rate)?;
    report.put_rounded("until on time again ms", recovered as f64 / 1_000.0);
    if let Some(server) = &mut target.server {
        report.problem_if(!server.is_alive(), "the server ended");
    }
    let (due, told) = accounts(&target.url, rate, seconds)?;
    report.put("due times looked at", due);
    report.put("without a record", due - told.min(due));
    report.problem_if(told < due, format!("{} due times without a record", due - told.min(due)));
    Ok(report)
}

/// What users hear who write while it lasts, by status; and the server's largest size.
fn write_meanwhile(
    target: &Target,
    from: usize,
    until: i64,
) -> anyhow::Result<(BTreeMap<String, usize>, f64)> {
    let over = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            parallel(&target.url, CONNECTIONS, CONNECTIONS, |api, index| {
                let mut heard = BTreeMap::new();
                let mut next = from + index;
                while !over.load(Ordering::Relaxed) {
                    *heard.entry(write(api, next)).or_insert(0) += 1;
                    next += CONNECTIONS;
                }
                Ok(heard)
            })
        });
        let mut most = 0.0_f64;
        while now() < until {
            most = most.max(target.pid().map_or(0.0, rss_mb));
            std::thread::sleep(Duration::from_millis(100));
        }
        over.store(true, Ordering::Relaxed);
        let heard = writer.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a writer died")));
        heard.map(|heard| (heard, most))
    });
    let (heard, most) = answers?;
    let mut sum = BTreeMap::new();
    for (status, count) in heard.into_iter().flatten() {
        *sum.entry(status).or_insert(0) += count;
    }
    Ok((sum, most))
}

/// One write, and how it was answered.
fn write(api: &mut Api, index: usize) -> String {
    let job = api::local_job(index, "0 0 0 1 1 *", "noop");
    match api.send(&Request::json("POST", "/v1/jobs", &job)) {
        Ok(response) => {
            let said = matches!(response.status, 429 | 503);
            let told = response.header("retry-after").is_some();
            let lacks = if said && !told { " without Retry-After" } else { "" };
            format!("{}{lacks}", response.status)
        }
        Err(_) => "not at all".to_owned(),
    }
}

/// Until a new job of every second runs within half a second of its due time.
fn recovery(url: &str, from: usize) -> anyhow::Result<i64> {
    let begun = now();
    let sink = Sink::start()?;
    let job = api::http_job(from - 1, "* * * * * *", &sink.url);
    Api::new(url).create(&job)?;
    let on_time = wait_for(RECOVERY_MOST, || {
        sink.arrivals().last().is_some_and(|last| last.at - last.nominal < SECOND / 2)
    });
    anyhow::ensure!(on_time, "not on time again within {RECOVERY_MOST:?}");
    Ok(now() - begun)
}

/// Of some jobs: how many times were due, and of how many there is a record.
fn accounts(url: &str, jobs: usize, seconds: i64) -> anyhow::Result<(usize, usize)> {
    let looked_at = LOOKED_AT.min(jobs);
    let told = parallel(url, CONNECTIONS, looked_at, |api, index| {
        let path = format!("/v1/jobs/{}", api::name(index * (jobs / looked_at)));
        let mut told = 0;
        wait_for(RECOVERY_MOST, || {
            let runs = api.list(&format!("{path}/executions")).unwrap_or_default();
            let skipped = api.list(&format!("{path}/skipped")).unwrap_or_default();
            let counts = skipped.iter().filter_map(|record| record["count"].as_u64());
            told = runs.len() + counts.sum::<u64>() as usize;
            told as i64 >= seconds
        });
        Ok(told)
    })?;
    Ok((looked_at * seconds as usize, told.into_iter().sum()))
}
