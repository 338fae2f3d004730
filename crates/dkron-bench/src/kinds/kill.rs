//! `bench kill`: kill -9 under load, restart on the same data, again and again. Afterwards every
//! due time of every job must have an execution or a skipped record, on the original phase, and
//! the sink must have seen none twice.

use std::time::{Duration, Instant};

use super::scheduled::between;
use super::stories::{PERIOD, judge, read, schedule};
use crate::api::{self, CONNECTIONS, now, parallel, sleep_until, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::sink::{SECOND, Sink};
use crate::target::Target;

const ROUNDS_MAX: usize = 15;
const QUIET_MAX: Duration = Duration::from_secs(60);

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let rounds: usize = args.number("rounds", 10)?;
    let rate: usize = args.number("rate", 500)?;
    anyhow::ensure!((1..=ROUNDS_MAX).contains(&rounds), "--rounds: 1 to {ROUNDS_MAX}");
    anyhow::ensure!((1..=20_000).contains(&rate), "--rate: 1 to 20000");
    let mut target = Target::open(args)?;
    target.own()?;
    let sink = Sink::start()?;
    let jobs = rate * PERIOD as usize;
    let first = (now() / SECOND + 4 + jobs as i64 / 250) * SECOND;
    create(&target.url, jobs, first, &sink.url)?;
    sleep_until(first);
    let mut silences = Vec::new();
    for round in 0..rounds {
        // Different distances from the last whole second, and from the last restart.
        std::thread::sleep(Duration::from_millis(2_500 + 337 * round as u64 % 1_900));
        silences.push(strike(&mut target, &sink)?);
        println!("== round {}: {} calls so far", round + 1, sink.count());
    }
    std::thread::sleep(Duration::from_secs(3));
    let until = now() - now().rem_euclid(SECOND) - SECOND;
    let mut report = Report::new(format!("{rounds} times kill -9 at {rate} http runs/s"));
    report.put_times("silence", &mut silences);
    let ledger = read(&target.url, jobs, first, until)?;
    judge(&mut report, &ledger, &sink, until);
    Ok(report)
}

fn create(url: &str, jobs: usize, first: i64, sink: &str) -> anyhow::Result<()> {
    parallel(url, CONNECTIONS, jobs, |api, index| {
        let mut job = api::http_job(index, schedule(index), sink);
        between(&mut job, first, 3_600);
        api.create(&job)
    })?;
    anyhow::ensure!(now() < first, "creating {jobs} jobs took longer than expected: lower --rate");
    Ok(())
}

/// Kills and restarts; the time without any call.
fn strike(target: &mut Target, sink: &Sink) -> anyhow::Result<i64> {
    let server = target.own()?;
    server.kill()?;
    let begun = Instant::now();
    server.spawn_again()?;
    server.wait_ready()?;
    // Calls under way at the kill have arrived by now.
    let seen = sink.count();
    let fires = wait_for(QUIET_MAX, || sink.count() > seen);
    anyhow::ensure!(fires, "nothing fires after the restart:\n{}", server.log_tail());
    Ok(begun.elapsed().as_micros() as i64)
}
