//! The real binary is killed with -9 while its jobs run, and started again on the same data:
//! every slot has an execution or a skipped record, on the original phase, and nothing ran twice.
//! Bears scenarios T-02, T-05 and T-08 as far as one node has them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dkron_conformance::http::{self, Request};
use dkron_conformance::instant;
use dkron_conformance::listen::{Listener, Reply};
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

const JOBS: usize = 12;
const PATIENCE: Duration = Duration::from_secs(60);
/// In microseconds, as instants are read.
const SECOND: i64 = 1_000_000;

/// What the far end saw: how often each (job, nominal time).
type Seen = Arc<Mutex<BTreeMap<(String, String), u32>>>;

fn ask(url: &str, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let request = match body {
        Some(body) => Request::json(method, path, body),
        None => Request::new(method, path),
    };
    let response = http::send(url, &request, Duration::from_secs(10))?;
    ensure!(response.status < 300, "{method} {path}: {} {}", response.status, response.text());
    response.json().with_context(|| format!("{method} {path}"))
}

fn sink(seen: &Seen) -> Listener {
    let seen = Arc::clone(seen);
    let answer = move |call: dkron_conformance::listen::Call| {
        let header = |name| call.header(name).unwrap_or_default().to_owned();
        let key = (header("dkron-job"), header("dkron-scheduled-at"));
        *seen.lock().unwrap().entry(key).or_insert(0) += 1;
        Some(Reply { status: 200, body: b"ok".to_vec() })
    };
    Listener::start(answer).unwrap()
}

fn create(url: &str, sink: &str, number: usize) -> anyhow::Result<()> {
    let name = format!("restart-{number}");
    let schedule = if number.is_multiple_of(2) { "* * * * * *" } else { "@every 1s" };
    let job = match number % 3 {
        0 => json!({"name": name, "schedule": schedule, "executor": "shell",
            "executor_config": {"command": "true"}}),
        _ => json!({"name": name, "schedule": schedule, "executor": "http",
            "executor_config": {"method": "GET", "url": format!("{sink}/x")}}),
    };
    ask(url, "POST", "/v1/jobs", Some(&job)).map(drop)
}

/// Nominal times of a job with what became of them: how many executions, how many skips.
fn account(url: &str, name: &str) -> anyhow::Result<BTreeMap<i64, u32>> {
    let mut slots: BTreeMap<i64, u32> = BTreeMap::new();
    let at = |value: &Value| value.as_str().and_then(instant::parse).context("an instant");
    let executions = ask(url, "GET", &format!("/v1/jobs/{name}/executions"), None)?;
    for execution in executions.as_array().context("a list")? {
        *slots.entry(at(&execution["scheduled_at"])? / SECOND).or_insert(0) += 1;
    }
    let skipped = ask(url, "GET", &format!("/v1/jobs/{name}/skipped"), None)?;
    for record in skipped.as_array().context("a list")? {
        let first = at(&record["scheduled_at"])? / SECOND;
        let last = at(&record["last_scheduled_at"])? / SECOND;
        for slot in first..=last {
            *slots.entry(slot).or_insert(0) += 1;
        }
    }
    Ok(slots)
}

#[test]
fn kill_and_restart_lose_no_slot_and_run_none_twice() {
    let seen: Seen = Arc::default();
    let sink = sink(&seen);
    let args = ["--server", "--bootstrap-expect=1", "--data-dir", "data"];
    let mut server = Server::start(&binary().unwrap(), &args).unwrap();
    for number in 0..JOBS {
        create(&server.url, &sink.url, number).unwrap();
    }
    let calls = || seen.lock().unwrap().len();
    for round in 1..=3 {
        let before = calls();
        until("calls before the kill", PATIENCE, || calls() >= before + 2 * JOBS).unwrap();
        server.kill().unwrap();
        server.restart().unwrap_or_else(|err| panic!("round {round}: {err:#}"));
    }
    let before = calls();
    until("calls after the last restart", PATIENCE, || calls() >= before + 2 * JOBS).unwrap();

    let doubled: BTreeSet<_> = {
        let seen = seen.lock().unwrap();
        seen.iter().filter(|(_, times)| **times > 1).map(|(key, _)| key.clone()).collect()
    };
    assert!(doubled.is_empty(), "called twice: {doubled:?}");
    for number in 0..JOBS {
        let name = format!("restart-{number}");
        let slots = account(&server.url, &name).unwrap();
        let (first, last) = match (slots.keys().next(), slots.keys().next_back()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => panic!("{name} never ran; log:\n{}", server.log_tail()),
        };
        let missing: Vec<i64> = (first..=last).filter(|slot| !slots.contains_key(slot)).collect();
        assert!(missing.is_empty(), "{name}: no trace of {missing:?}");
        let twice: Vec<_> = slots.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{name}: decided twice: {twice:?}");
    }
}
