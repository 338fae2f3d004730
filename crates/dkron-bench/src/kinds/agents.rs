//! `bench agents`: many agents, each with its own session, under one leader that gives them runs.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use dkron_conformance::http::Request;
use serde_json::{Value, json};

use super::scheduled::{between, judge, starts};
use crate::api::{self, Api, CONNECTIONS, now, parallel, sleep_until, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::process::{cpu_seconds, rss_mb};
use crate::sink::{SECOND, account, tally};
use crate::target::Target;

const JOINED: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_secs(1);
/// Seconds of processor time that idle agents take in a second, all together, at most.
const CALM: f64 = 0.4;

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let count: usize = args.number("agents", 200)?;
    let rate: usize = args.number("rate", 1_000)?;
    let seconds: i64 = args.number("seconds", 30)?;
    anyhow::ensure!((1..=1_000).contains(&count), "--agents: 1 to 1000");
    anyhow::ensure!((1..=20_000).contains(&rate), "--rate: 1 to 20000");
    anyhow::ensure!((1..100).contains(&seconds), "--seconds: 1 to 99");
    let target = Target::open(args)?;
    let pid = target.pid().context("needs a server of its own: leave --url out")?;
    let crowd = Crowd::start(&target, count)?;
    let before = rss_mb(pid);
    let start = (now() / SECOND + 4 + rate as i64 / 250) * SECOND;
    parallel(&target.url, CONNECTIONS, rate, |api, index| {
        let mut job = api::local_job(index, "* * * * * *", "noop");
        job["tags"] = json!({"kind": "agent:1"});
        between(&mut job, start, seconds);
        api.create(&job)
    })?;
    anyhow::ensure!(now() < start, "creating {rate} jobs took too long: lower --rate");
    println!("== {count} agents, {rate} jobs; load for {seconds} s");
    sleep_until(start);
    let cpu = cpu_seconds(pid);
    sleep_until(start + seconds * SECOND);
    let cpu = cpu_seconds(pid) - cpu;
    let runs = starts(&target.url, rate, seconds)?;
    let mut report = Report::new(format!("{rate} noop runs/s on {count} agents for {seconds} s"));
    let slots = (0..seconds).map(|s| start + s * SECOND);
    judge(&mut report, &runs, &account(&tally(&runs), rate, slots));
    report.put_rounded("leader RSS MB before", before);
    report.put_rounded("leader RSS MB", rss_mb(pid));
    report.put_rounded("leader CPU %", 100.0 * cpu / seconds as f64);
    report.put_rounded("agents RSS MB, all", rss_mb(crowd.child.id()));
    Ok(report)
}

/// All agents, in a process beside this program.
struct Crowd {
    child: Child,
    directory: PathBuf,
}

impl Crowd {
    fn start(target: &Target, count: usize) -> anyhow::Result<Crowd> {
        let mut api = Api::new(&target.url);
        let members = api.list("/v1/members")?;
        let server = members.first().context("a member")?;
        let gossip = format!("{}:{}", server["Addr"].as_str().unwrap_or_default(), server["Port"]);
        let beside = std::env::current_exe()?;
        let beside = beside.parent().context("a folder")?.join("examples").join("agents");
        let directory = std::env::temp_dir().join(format!("dkron-agents-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let mut command = Command::new(&beside);
        command.arg(count.to_string()).arg(&directory).arg(gossip).stdin(Stdio::piped());
        let child = command.spawn();
        let child = child.with_context(|| {
            format!("{beside:?}: build it with `cargo build --release -p dkron --example agents`")
        })?;
        let crowd = Crowd { child, directory };
        let alive = |one: &&Value| one["Status"] == 1;
        let joined = wait_for(JOINED, || {
            api.list("/v1/members").is_ok_and(|all| all.iter().filter(alive).count() == count + 1)
        });
        anyhow::ensure!(joined, "not all agents have joined");
        crowd.warm(&mut api, count)?;
        Ok(crowd)
    }

    /// Members are seen by gossip, their sessions follow: until each agent has run something.
    fn warm(&self, api: &mut Api, count: usize) -> anyhow::Result<()> {
        let mut job = api::local_job(0, "@manually", "noop");
        job["name"] = json!("warm");
        job["tags"] = json!({"kind": "agent"});
        job["retention"] = json!({"executions": 2 * count});
        api.create(&job)?;
        let path = "/v1/jobs/warm";
        let warm = wait_for(JOINED, || {
            let asked = api.send(&Request::new("POST", path));
            let given = asked.is_ok_and(|response| response.status < 300);
            given && wait_for(JOINED, || ran(api).is_some()) && ran(api) == Some(count)
        });
        anyhow::ensure!(warm, "not all agents take runs");
        // All gossip in one process here: until each knows each, that takes more than the machine
        // has. On machines of their own they share it.
        let calm = wait_for(JOINED, || {
            let before = cpu_seconds(self.child.id());
            std::thread::sleep(LOOK);
            cpu_seconds(self.child.id()) - before < CALM
        });
        anyhow::ensure!(calm, "the agents do not come to rest");
        api.send(&Request::new("DELETE", path))?;
        Ok(())
    }
}

/// How many runs of the newest group ended well, once all of it has ended.
fn ran(api: &mut Api) -> Option<usize> {
    let list = api.list("/v1/jobs/warm/executions?_end=2000").ok()?;
    let newest = list.iter().filter_map(|one| one["group"].as_i64()).max()?;
    let group: Vec<&Value> = list.iter().filter(|one| one["group"] == newest).collect();
    let is_open = |one: &&Value| ["pending", "running"].iter().any(|state| one["state"] == *state);
    let well = group.iter().filter(|one| one["success"] == true).count();
    (!group.iter().any(is_open)).then_some(well)
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
