//! `bench cancel`: processes that would run for long are cancelled; none may be left.

use std::time::{Duration, Instant};

use dkron_conformance::http::Request;
use serde_json::json;

use super::scheduled::states;
use crate::api::{self, Api, CONNECTIONS, now, parallel, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::process::with_text;
use crate::target::Target;

const MOST: Duration = Duration::from_secs(120);

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let runs: usize = args.number("runs", 1_000)?;
    anyhow::ensure!((1..=10_000).contains(&runs), "--runs: 1 to 10000");
    let target = Target::open(args)?;
    // Found again among all processes of the machine.
    let mark = format!("1{}.{}", 10_000 + std::process::id() % 10_000, now().rem_euclid(1_000_000));
    let mut job = api::local_job(0, "@manually", "shell");
    // A child in the background, so that a group has to end and not a process.
    let command = format!("sleep {mark} & sleep {mark}");
    job["executor_config"] = json!({"command": command, "shell": "true"});
    Api::new(&target.url).create(&job)?;
    let path = format!("/v1/jobs/{}/run", api::name(0));
    parallel(&target.url, CONNECTIONS, runs, |api, _| {
        let response = api.send(&Request::new("POST", &path))?;
        anyhow::ensure!(response.status / 100 == 2, "POST {path}: {}", response.status);
        Ok(())
    })?;
    let all = wait_for(MOST, || with_text(&mark).len() >= runs * 2);
    anyhow::ensure!(all, "only {} of {} processes came up", with_text(&mark).len(), runs * 2);
    let mut api = Api::new(&target.url);
    let begun = Instant::now();
    let cancel = format!("/v1/jobs/{}/cancel", api::name(0));
    let response = api.send(&Request::new("POST", &cancel))?;
    anyhow::ensure!(response.status == 202, "{cancel}: {} {}", response.status, response.text());
    wait_for(MOST, || with_text(&mark).is_empty());
    let mut report = Report::new(format!("{runs} running processes cancelled"));
    report.put_rounded("until the last was gone ms", begun.elapsed().as_secs_f64() * 1_000.0);
    let left = with_text(&mark).len();
    report.put("processes left", left);
    report.problem_if(left > 0, format!("{left} processes left"));
    judge(&mut api, runs, &mut report)?;
    Ok(report)
}

/// The newest executions all say that they were cancelled, and all are counted.
fn judge(api: &mut Api, runs: usize, report: &mut Report) -> anyhow::Result<()> {
    let path = format!("/v1/jobs/{}", api::name(0));
    let mut counted = 0;
    wait_for(MOST, || {
        let job = api.get(&path).unwrap_or_default();
        counted = job["error_count"].as_u64().unwrap_or(0) as usize;
        counted >= runs
    });
    report.put("counted as errors", counted);
    report.problem_if(counted != runs, format!("{counted} of {runs} counted"));
    let kept = states(&api.list(&format!("{path}/executions"))?);
    let other: usize = kept.iter().filter(|(state, _)| *state != "cancelled").map(|(_, n)| n).sum();
    report.put("kept with another state", other);
    report.problem_if(other > 0, format!("{other} cancelled runs say something else"));
    Ok(())
}
