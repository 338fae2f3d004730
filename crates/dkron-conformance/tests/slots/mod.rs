//! Jobs of every second against a real server, what their far end saw, and whether each of their
//! slots left exactly one trace.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dkron_conformance::http::{self, Request};
use dkron_conformance::instant;
use dkron_conformance::listen::{Call, Listener, Reply};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

/// In microseconds, as instants are read.
const SECOND: i64 = 1_000_000;

/// What the far end saw: how often each (job, nominal time).
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<BTreeMap<(String, String), u32>>>);

impl Seen {
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn doubled(&self) -> Vec<(String, String)> {
        let seen = self.0.lock().unwrap();
        seen.iter().filter(|(_, times)| **times > 1).map(|(key, _)| key.clone()).collect()
    }
}

/// Something for http jobs to call.
pub fn far_end() -> (Seen, Listener) {
    let seen = Seen::default();
    let notes = seen.clone();
    let answer = move |call: Call| {
        let header = |name| call.header(name).unwrap_or_default().to_owned();
        let key = (header("dkron-job"), header("dkron-scheduled-at"));
        *notes.0.lock().unwrap().entry(key).or_insert(0) += 1;
        Some(Reply { status: 200, body: b"ok".to_vec() })
    };
    (seen, Listener::start(answer).unwrap())
}

fn ask(url: &str, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let request = match body {
        Some(body) => Request::json(method, path, body),
        None => Request::new(method, path),
    };
    let response = http::send(url, &request, Duration::from_secs(10))?;
    ensure!(response.status < 300, "{method} {path}: {} {}", response.status, response.text());
    response.json().with_context(|| format!("{method} {path}"))
}

/// Jobs of every second, said in both ways, some with a process and most with a call; each slot
/// runs on one node, however many there are.
pub struct Slots {
    names: Vec<String>,
}

impl Slots {
    pub fn create(url: &str, sink: &str, count: usize) -> Slots {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let create = |index: usize| {
            let name = format!("slots-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            let schedule = if index.is_multiple_of(2) { "* * * * * *" } else { "@every 1s" };
            let mut job = match index % 3 {
                2 => json!({"name": name, "schedule": schedule, "executor": "shell",
                    "executor_config": {"command": "true"}}),
                _ => json!({"name": name, "schedule": schedule, "executor": "http",
                    "executor_config": {"method": "GET", "url": format!("{sink}/x")}}),
            };
            job["tags"] = json!({"dc": "dc1:1"});
            // An election may be in the way.
            let created = || ask(url, "POST", "/v1/jobs", Some(&job)).is_ok();
            until("a job", Duration::from_secs(60), created).unwrap();
            name
        };
        Slots { names: (0..count).map(create).collect() }
    }

    /// Every slot from the first to the last has an execution or stands in a skipped record, and
    /// none has both or two.
    pub fn are_whole(&self, url: &str) {
        for name in &self.names {
            let slots = account(url, name).unwrap();
            let (first, last) = match (slots.keys().next(), slots.keys().next_back()) {
                (Some(first), Some(last)) => (*first, *last),
                _ => panic!("{name} never ran"),
            };
            let missing: Vec<i64> =
                (first..=last).filter(|slot| !slots.contains_key(slot)).collect();
            assert!(missing.is_empty(), "{name}: no trace of {} slots: {missing:?}", missing.len());
            let twice: Vec<_> = slots.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "{name}: decided twice: {twice:?}");
        }
    }
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
