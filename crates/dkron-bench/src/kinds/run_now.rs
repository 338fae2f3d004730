//! `bench run`: runs by hand. The answer comes once the run is committed, not once it ended.

use std::time::{Duration, Instant};

use dkron_conformance::http::Request;

use crate::api::{self, Api, CONNECTIONS, now, parallel, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::limits;
use crate::target::Target;

const JOBS: usize = 100;
const MOST: Duration = Duration::from_secs(60);

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let runs: usize = args.number("runs", 5_000)?;
    anyhow::ensure!((1..=1_000_000).contains(&runs), "--runs: 1 to 1000000");
    let target = Target::open(args)?;
    parallel(&target.url, CONNECTIONS, JOBS, |api, index| {
        api.create(&api::local_job(index, "@manually", "noop"))
    })?;
    let begun = Instant::now();
    let mut times = parallel(&target.url, CONNECTIONS, runs, |api, index| {
        let asked = now();
        let path = format!("/v1/jobs/{}/run", api::name(index % JOBS));
        let response = api.send(&Request::new("POST", &path))?;
        anyhow::ensure!(response.status / 100 == 2, "POST {path}: {}", response.status);
        Ok(now() - asked)
    })?;
    let rate = runs as f64 / begun.elapsed().as_secs_f64();
    let mut report = Report::new(format!("{runs} runs by hand"));
    report.put_rounded("runs/s", rate);
    report.put_times("answer", &mut times);
    report.put_ratio("of loopback HTTP/s", rate, limits::calls());
    let mut api = Api::new(&target.url);
    let mut done = 0;
    wait_for(MOST, || {
        done = (0..JOBS).map(|index| successes(&mut api, index)).sum();
        done >= runs
    });
    report.put("ended well", done);
    report.problem_if(done != runs, format!("{done} of {runs} runs ended well"));
    Ok(report)
}

fn successes(api: &mut Api, index: usize) -> usize {
    let job = api.get(&format!("/v1/jobs/{}", api::name(index))).unwrap_or_default();
    job["success_count"].as_u64().unwrap_or(0) as usize
}
