//! `bench output`: several runs write as fast as they can; what it costs the server.

use std::time::{Duration, Instant};

use dkron_conformance::http::Request;
use serde_json::json;

use crate::api::{self, Api, CONNECTIONS, parallel};
use crate::args::Args;
use crate::figures::Report;
use crate::process::rss_mb;
use crate::target::Target;

const MOST: Duration = Duration::from_secs(300);
const RSS_MOST_MB: f64 = 200.0;

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let jobs: usize = args.number("jobs", 10)?;
    let megabytes: usize = args.number("megabytes", 100)?;
    anyhow::ensure!((1..=100).contains(&jobs), "--jobs: 1 to 100");
    anyhow::ensure!((1..=10_000).contains(&megabytes), "--megabytes: 1 to 10000");
    let target = Target::open(args)?;
    // Lines, so that the tail can be told from the rest.
    let command = format!("yes 0123456789abcdef | head -c {megabytes}000000; echo the end");
    parallel(&target.url, CONNECTIONS.min(jobs), jobs, |api, index| {
        let mut job = api::local_job(index, "@manually", "shell");
        job["executor_config"] = json!({"command": command, "shell": "true"});
        api.create(&job)
    })?;
    let begun = Instant::now();
    parallel(&target.url, CONNECTIONS.min(jobs), jobs, |api, index| {
        let path = format!("/v1/jobs/{}/run", api::name(index));
        let response = api.send(&Request::new("POST", &path))?;
        anyhow::ensure!(response.status / 100 == 2, "POST {path}: {}", response.status);
        Ok(())
    })?;
    let mut api = Api::new(&target.url);
    let mut most = 0.0_f64;
    let mut done = 0;
    while done < jobs && begun.elapsed() < MOST {
        most = most.max(target.pid().map_or(0.0, rss_mb));
        done = ended(&mut api, jobs);
        std::thread::sleep(Duration::from_millis(20));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut report = Report::new(format!("{jobs} runs that write {megabytes} MB each"));
    report.put_rounded("MB/s", (jobs * megabytes) as f64 / seconds);
    report.put_rounded("server RSS MB at most", most);
    report.put("ended well", done);
    report.problem_if(done != jobs, format!("{done} of {jobs} runs ended well"));
    report.problem_if(most > RSS_MOST_MB, format!("more than {RSS_MOST_MB} MB"));
    let tails = (0..jobs).filter(|index| tail(&mut api, *index)).count();
    report.put("tails kept", tails);
    report.problem_if(tails != jobs, format!("{tails} of {jobs} tails are right"));
    Ok(report)
}

fn ended(api: &mut Api, jobs: usize) -> usize {
    let mut done = |index| {
        let job = api.get(&format!("/v1/jobs/{}", api::name(index))).unwrap_or_default();
        job["success_count"].as_u64() == Some(1)
    };
    (0..jobs).filter(|index| done(*index)).count()
}

fn tail(api: &mut Api, index: usize) -> bool {
    let list = api.list(&format!("/v1/jobs/{}/executions", api::name(index))).unwrap_or_default();
    let output = list.first().and_then(|run| run["output"].as_str()).unwrap_or_default();
    output.ends_with("the end\n")
}
