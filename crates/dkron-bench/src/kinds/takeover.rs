//! `bench takeover`: the agent is killed while processes run, and started again; each must end
//! with its own result, and none may have run twice.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use dkron_conformance::http::Request;
use serde_json::json;

use crate::api::{self, Api, CONNECTIONS, now, parallel, wait_for};
use crate::args::Args;
use crate::figures::Report;
use crate::target::Target;

const MOST: Duration = Duration::from_secs(120);

pub fn run(args: &Args) -> anyhow::Result<Report> {
    let rounds: usize = args.number("rounds", 10)?;
    let runs: usize = args.number("runs", 100)?;
    anyhow::ensure!((1..=100).contains(&rounds), "--rounds: 1 to 100");
    anyhow::ensure!((1..=1_000).contains(&runs), "--runs: 1 to 1000");
    let mut target = Target::open(args)?;
    let notes = std::env::temp_dir().join(format!("dkron-takeover-{}", std::process::id()));
    fs::create_dir_all(&notes)?;
    parallel(&target.url, CONNECTIONS, runs, |api, index| {
        let mut job = api::local_job(index, "@manually", "shell");
        // Notes its start, waits for the end of the round, and says whose result it is.
        let folder = notes.display();
        let command = format!(
            "r=$(cat {folder}/round); echo {index} >> {folder}/started-$r; \
             while [ ! -e {folder}/go-$r ]; do sleep 0.1; done; echo result {index} of $r"
        );
        job["executor_config"] = json!({"command": command, "shell": "true"});
        api.create(&job)
    })?;
    let mut sum = Sum::default();
    let mut away = Vec::new();
    for round in 0..rounds {
        away.push(strike(&mut target, &notes, runs, round, &mut sum)?);
        println!("== round {}: {} right results so far", round + 1, sum.right);
    }
    let _ = fs::remove_dir_all(&notes);
    let total = rounds * runs;
    let mut report = Report::new(format!("{rounds} times kill -9 of the agent over {runs} runs"));
    report.put("runs", total);
    report.put("right results", sum.right);
    report.put("started twice", sum.twice);
    report.put_times("kill to leader", &mut away);
    report.problem_if(sum.right != total, format!("{} of {total} results are right", sum.right));
    report.problem_if(sum.twice > 0, format!("{} runs started twice", sum.twice));
    Ok(report)
}

#[derive(Default)]
struct Sum {
    right: usize,
    twice: usize,
}

fn strike(
    target: &mut Target,
    notes: &std::path::Path,
    runs: usize,
    round: usize,
    sum: &mut Sum,
) -> anyhow::Result<i64> {
    fs::write(notes.join("round"), round.to_string())?;
    parallel(&target.url, CONNECTIONS, runs, |api, index| {
        let path = format!("/v1/jobs/{}/run", api::name(index));
        let response = api.send(&Request::new("POST", &path))?;
        anyhow::ensure!(response.status / 100 == 2, "POST {path}: {}", response.status);
        Ok(())
    })?;
    let started = notes.join(format!("started-{round}"));
    let lines = || fs::read_to_string(&started).unwrap_or_default();
    let all = wait_for(MOST, || lines().lines().count() >= runs);
    anyhow::ensure!(all, "only {} of {runs} runs started", lines().lines().count());
    let server = target.own()?;
    let killed = now();
    server.kill()?;
    server.restart()?;
    let away = now() - killed;
    fs::write(notes.join(format!("go-{round}")), "")?;
    sum.right += (0..runs).filter(|index| is_right(&target.url, *index, round)).count();
    let mut counts: HashMap<String, usize> = HashMap::new();
    lines().lines().for_each(|line| *counts.entry(line.to_owned()).or_insert(0) += 1);
    sum.twice += counts.values().filter(|count| **count > 1).count();
    Ok(away)
}

fn is_right(url: &str, index: usize, round: usize) -> bool {
    let mut api = Api::new(url);
    let wanted = format!("result {index} of {round}\n");
    wait_for(MOST, || {
        let list = api.list(&format!("/v1/jobs/{}/executions", api::name(index)));
        let list = list.unwrap_or_default();
        let of_round = list.iter().filter(|run| run["output"] == wanted.as_str());
        let ended = list.iter().filter(|run| run["finished_at"] != "0001-01-01T00:00:00Z").count();
        ended > round && of_round.count() == 1
    })
}
