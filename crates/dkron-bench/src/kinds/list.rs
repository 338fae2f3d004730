//! `bench list`: a great many idle jobs. Creating them, paging through them, what they cost while
//! nothing happens, and how soon a restarted server fires again.

use std::time::{Duration, Instant};

use super::scheduled::between;
use crate::api::{self, Api, CONNECTIONS, now, parallel, sleep_until, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::limits;
use crate::process::{cpu_seconds, disk_mb, rss_mb};
use crate::sink::{SECOND, Sink};
use crate::target::Target;

/// Executions that a job keeps.
const KEPT: usize = 100;
const PAGES: usize = 500;
const PAGE: &str = "/v1/jobs?_start=0&_end=50&_sort=id&_order=ASC";
const FIRST_FIRE_MOST: Duration = Duration::from_secs(120);
/// A warm-up that no measure counts.
const WARM: usize = 20;

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let jobs: usize = args.number("jobs", 100_000)?;
    let idle: u64 = args.number("idle", 20)?;
    let history: usize = args.number("history", 0)?;
    anyhow::ensure!((50..=2_000_000).contains(&jobs), "--jobs: 50 to 2000000");
    anyhow::ensure!(history <= 10_000_000, "--history: at most 10000000");
    let mut target = Target::open(args)?;
    let mut report = Report::new(format!("{jobs} idle jobs"));
    create(&target.url, jobs, &mut report)?;
    if history > 0 {
        fill(&target.url, jobs, history, &mut report)?;
    }
    pages(&target.url, jobs, &mut report)?;
    if let Some(pid) = target.pid() {
        rest(pid, idle, &mut report);
    }
    if let Some(server) = &target.server {
        report.put_rounded("disk MB", disk_mb(&server.dir));
    }
    if target.server.is_some() {
        restart(&mut target, jobs, &mut report)?;
    }
    Ok(report)
}

fn create(url: &str, jobs: usize, report: &mut Report) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut times = parallel(url, CONNECTIONS, jobs, |api, index| {
        let asked = now();
        api.create(&api::local_job(index, "0 0 0 1 1 *", "shell"))?;
        Ok(now() - asked)
    })?;
    let rate = jobs as f64 / begun.elapsed().as_secs_f64();
    report.put_rounded("creates/s", rate);
    report.put_times("create", &mut times);
    report.put_ratio("creates of fsync/s", rate, limits::syncs());
    Ok(())
}

/// Finished executions: some jobs run every second until each has as many as a job keeps.
fn fill(url: &str, from: usize, rows: usize, report: &mut Report) -> anyhow::Result<()> {
    let busy = rows.div_ceil(KEPT);
    let seconds = rows.div_ceil(busy) as i64;
    let first = (now() / SECOND + 4 + busy as i64 / 250) * SECOND;
    parallel(url, CONNECTIONS, busy, |api, index| {
        let mut job = api::local_job(from + index, "* * * * * *", "noop");
        between(&mut job, first, seconds);
        api.create(&job)
    })?;
    sleep_until(first + seconds * SECOND);
    let mut api = Api::new(url);
    let last = format!("/v1/jobs/{}", api::name(from + busy - 1));
    let done = |job: &serde_json::Value| job["success_count"].as_i64() >= Some(seconds);
    let full = wait_for(FIRST_FIRE_MOST, || api.get(&last).is_ok_and(|job| done(&job)));
    anyhow::ensure!(full, "the history never became full");
    report.put("history rows", busy * seconds as usize);
    Ok(())
}

fn pages(url: &str, jobs: usize, report: &mut Report) -> anyhow::Result<()> {
    let mut api = Api::new(url);
    let mut times = Vec::with_capacity(PAGES);
    for turn in 0..WARM + PAGES {
        let asked = now();
        let page = api.list(PAGE)?;
        if turn >= WARM {
            times.push(now() - asked);
        }
        anyhow::ensure!(page.len() == 50, "a page of {} jobs of {jobs}", page.len());
    }
    report.put_times("first page of 50", &mut times);
    Ok(())
}

fn rest(pid: u32, seconds: u64, report: &mut Report) {
    // What creating left to do is not the cost of being idle.
    std::thread::sleep(Duration::from_secs(5));
    let (begun, before) = (Instant::now(), cpu_seconds(pid));
    std::thread::sleep(Duration::from_secs(seconds));
    let used = cpu_seconds(pid) - before;
    report.put_rounded("idle RSS MB", rss_mb(pid));
    report.put_rounded("idle CPU % of a core", 100.0 * used / begun.elapsed().as_secs_f64());
}

/// From the start of the process to the first call of a job that is due every second.
fn restart(target: &mut Target, jobs: usize, report: &mut Report) -> anyhow::Result<()> {
    let sink = Sink::start()?;
    Api::new(&target.url).create(&api::http_job(jobs, "* * * * * *", &sink.url))?;
    anyhow::ensure!(wait_for(FIRST_FIRE_MOST, || sink.count() > 0), "the job never ran");
    let server = target.own()?;
    server.kill()?;
    // A call that was on its way when the server died is none of the restart's.
    std::thread::sleep(Duration::from_millis(300));
    let seen = sink.count();
    let begun = Instant::now();
    server.spawn_again()?;
    anyhow::ensure!(wait_for(FIRST_FIRE_MOST, || sink.count() > seen), "{}", server.log_tail());
    report.put_rounded("restart to first fire ms", begun.elapsed().as_secs_f64() * 1_000.0);
    server.wait_ready()?;
    report.put_rounded("restart to leader ms", begun.elapsed().as_secs_f64() * 1_000.0);
    let last = sink.arrivals().last().map_or(0, |arrival| arrival.at - arrival.nominal);
    report.put_rounded("last lag ms", last as f64 * 1_000.0 / SECOND as f64);
    Ok(())
}
