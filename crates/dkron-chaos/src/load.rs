//! The load: jobs with periods of one and ten seconds, whose runs write a line at their start and
//! one at their end into the file of their host; and one client that writes and reads a register.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use dkron_conformance::http::{self, Request, Response};
use dkron_conformance::instant;
use serde_json::{Value, json};

use crate::case::{Job, Op, SECOND};

const ANSWER: Duration = Duration::from_secs(15);
/// Between two steps of the client with the register.
const PAUSE: Duration = Duration::from_millis(300);
/// A disabled job whose display name is the register.
pub const REGISTER: &str = "register";
/// How long a silent host keeps its runs; the least that the product takes is 25 s.
const LOST_AFTER: &str = "30s";

const SCRIPT: &str = r#"#!/bin/sh
# FOLDER SECONDS KIND, with KIND one of plain, first-fails, apart.
read -r host < /proc/sys/kernel/hostname
lines=$1/lines/$host.log
id=$DKRON_EXECUTION
if [ "$3" = apart ]; then
    # Held until the last process of this run is gone.
    exec 9> "$1/locks/$DKRON_JOB"
    flock -n 9 || echo "beside $id $(date +%s%N)" >> "$lines"
fi
due=${DKRON_SCHEDULED_AT:--}
facts="$due $DKRON_ATTEMPT $DKRON_NODE $DKRON_FENCE"
echo "start $DKRON_JOB $id $facts $(date +%s%N)" >> "$lines"
sleep "$2"
code=0
[ "$3" = first-fails ] && [ "$DKRON_ATTEMPT" = 1 ] && code=1
echo "end $id $code $(date +%s%N)" >> "$lines"
exit $code
"#;

/// One kind of job: how often, how long, and its words for the API.
struct Kind {
    name: &'static str,
    count: i64,
    period: i64,
    seconds: &'static str,
    concurrency: &'static str,
    retries: u32,
    hold: bool,
    parent: Option<&'static str>,
    places: usize,
    on_servers: bool,
}

const PLAIN: Kind = Kind {
    name: "second",
    count: 8,
    period: 1,
    seconds: "0.1",
    concurrency: "allow",
    retries: 0,
    hold: false,
    parent: None,
    places: 1,
    on_servers: false,
};

const KINDS: [Kind; 11] = [
    PLAIN,
    Kind { name: "ten", count: 20, period: 10, seconds: "1.5", ..PLAIN },
    // About as long as its period, so that slots meet running executions now and then.
    Kind { name: "apart", count: 3, concurrency: "forbid", seconds: "0.9", ..PLAIN },
    Kind {
        name: "apart-long",
        count: 2,
        period: 10,
        concurrency: "forbid",
        seconds: "12",
        ..PLAIN
    },
    Kind { name: "hold", count: 2, concurrency: "forbid", seconds: "0.4", hold: true, ..PLAIN },
    Kind { name: "turns", count: 1, period: 2, concurrency: "queue", seconds: "1.2", ..PLAIN },
    Kind { name: "newest", count: 1, period: 5, concurrency: "replace", seconds: "6", ..PLAIN },
    Kind { name: "again", count: 2, period: 10, retries: 2, ..PLAIN },
    Kind { name: "both", count: 2, period: 10, seconds: "0.5", places: 2, ..PLAIN },
    Kind { name: "seat", count: 2, period: 10, seconds: "0.5", on_servers: true, ..PLAIN },
    Kind { name: "child", count: 2, period: 0, parent: Some("ten-0"), ..PLAIN },
];

/// The jobs of the plan, given where they may run.
pub fn jobs(workers: &[String], servers: &[String]) -> Vec<Job> {
    let mut all = Vec::new();
    for kind in &KINDS {
        for number in 0..kind.count {
            let nodes = if kind.on_servers { servers } else { workers };
            all.push(Job {
                name: format!("{}-{number}", kind.name),
                period: kind.period,
                phase: if kind.period > 0 { number % kind.period } else { 0 },
                concurrency: kind.concurrency.into(),
                retries: kind.retries,
                retry_delay: 1,
                fails_first: kind.retries > 0,
                hold: kind.hold,
                parent: kind.parent.map(str::to_owned),
                nodes: nodes.to_vec(),
                places: kind.places.min(nodes.len()),
            });
        }
    }
    all
}

/// What the API is told of a job, due between two instants that are no slots.
pub fn definition(dir: &Path, job: &Job, from: i64, until: i64) -> Value {
    let kind =
        KINDS.iter().find(|kind| job.name.rsplit_once('-').is_some_and(|n| n.0 == kind.name));
    let kind = kind.unwrap_or(&PLAIN);
    let apart = crate::check::keeps_apart(&job.concurrency);
    let word = match (apart, job.fails_first) {
        (true, _) => "apart",
        (_, true) => "first-fails",
        _ => "plain",
    };
    let folder = dir.display();
    let tag = if kind.on_servers { "seat" } else { "work" };
    let value = if kind.on_servers { "server" } else { "yes" };
    let mut told = json!({
        "name": job.name,
        "timezone": "UTC",
        "concurrency": job.concurrency,
        "tags": {tag: format!("{value}:{}", job.places)},
        "lost_after": LOST_AFTER,
        "retention": {"executions": 100_000},
        "executor": "shell",
        "executor_config": {
            "command": format!("/bin/sh {folder}/work.sh {folder} {} {word}", kind.seconds),
        },
    });
    match &job.parent {
        Some(parent) => told["parent_job"] = json!(parent),
        None => {
            told["schedule"] = json!(schedule(job));
            told["starts_at"] = json!(half_past(from));
            told["expires_at"] = json!(half_past(until));
        }
    }
    if job.retries > 0 {
        told["retries"] = json!(job.retries);
        let delay = format!("{}s", job.retry_delay);
        told["retry"] = json!({"delay": delay, "backoff": "fixed", "jitter": "0s"});
    }
    if job.hold {
        told["on_lost"] = json!("hold");
    }
    told
}

fn schedule(job: &Job) -> String {
    let (phase, period) = (job.phase, job.period);
    if period == 1 { "* * * * * *".into() } else { format!("{phase}-59/{period} * * * * *") }
}

/// An instant in the middle of a second.
fn half_past(at: i64) -> String {
    instant::format(at.div_euclid(SECOND)).replace('Z', ".5Z")
}

/// The script that every run is.
pub fn write_script(dir: &Path) -> anyhow::Result<()> {
    let path = dir.join("work.sh");
    fs::write(&path, SCRIPT).with_context(|| format!("writing {path:?}"))
}

/// Creates a job; a server that cannot now is asked again.
pub fn create(url: &str, told: &Value) -> anyhow::Result<()> {
    for _ in 0..50 {
        let response = post(url, told)?;
        match response.status {
            201 => return Ok(()),
            429 | 503 => std::thread::sleep(Duration::from_millis(200)),
            code => bail!("creating {}: {code} {}", told["name"], response.text()),
        }
    }
    bail!("creating {}: refused fifty times", told["name"])
}

fn post(url: &str, told: &Value) -> std::io::Result<Response> {
    http::send(url, &Request::json("POST", "/v1/jobs", told), ANSWER)
}

/// The client with the register: writes at one server, reads at the next, until it is stopped.
pub struct Client {
    stopped: Arc<AtomicBool>,
    ops: Arc<Mutex<Vec<Op>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Client {
    /// `servers` are names with addresses; the register was created with 0.
    pub fn start(servers: Vec<(String, String)>) -> std::io::Result<Client> {
        let stopped = Arc::new(AtomicBool::new(false));
        let ops: Arc<Mutex<Vec<Op>>> = Arc::default();
        let (ends, log) = (Arc::clone(&stopped), Arc::clone(&ops));
        let run = move || {
            for step in 0_u64.. {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (name, url) = &servers[step as usize % servers.len()];
                let op =
                    if step % 2 == 0 { write(name, url, step / 2 + 1) } else { read(name, url) };
                log.lock().unwrap_or_else(PoisonError::into_inner).push(op);
                std::thread::sleep(PAUSE);
            }
        };
        let thread = Some(std::thread::Builder::new().name("client".into()).spawn(run)?);
        Ok(Client { stopped, ops, thread })
    }

    /// What it did, once it has ended.
    pub fn stop(mut self) -> Vec<Op> {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the client is seen in what it did not do.
            let _ = thread.join();
        }
        std::mem::take(&mut self.ops.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub fn register(value: u64) -> Value {
    json!({
        "name": REGISTER,
        "displayname": value.to_string(),
        "schedule": "@every 1h",
        "disabled": true,
        "executor": "shell",
        "executor_config": {"command": "true"},
    })
}

fn write(server: &str, url: &str, value: u64) -> Op {
    let outcome = match post(url, &register(value)) {
        Ok(answer) if answer.status == 201 => "ok",
        Ok(answer) if answer.text().contains("unknown") => "unknown",
        Ok(answer) if answer.status < 500 || answer.status == 503 => "refused",
        _ => "unknown",
    };
    Op { write: true, server: server.into(), value, outcome: outcome.into(), stale: false }
}

/// Also read at the end, at every server.
pub fn read(server: &str, url: &str) -> Op {
    let mut op = Op { server: server.into(), outcome: "refused".into(), ..Op::default() };
    let target = format!("/v1/jobs/{REGISTER}");
    let Ok(answer) = http::send(url, &Request::new("GET", &target), ANSWER) else { return op };
    op.stale = answer.header("x-dkron-stale").is_some();
    let shown = answer.json().ok().and_then(|job| job["displayname"].as_str()?.parse().ok());
    if let Some(value) = shown.filter(|_| answer.status == 200) {
        op.value = value;
        op.outcome = "ok".into();
    }
    op
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_job_is_told_as_it_is_planned() {
        let (workers, servers) = (vec!["a1".to_owned(), "a2".into()], vec!["s1".to_owned()]);
        let jobs = jobs(&workers, &servers);
        let told = |name: &str| {
            let job = jobs.iter().find(|job| job.name == name).unwrap();
            definition(Path::new("/d"), job, 10_500_000, 20_500_000)
        };
        let ten = told("ten-3");
        assert_eq!(ten["schedule"], "3-59/10 * * * * *");
        assert_eq!(ten["starts_at"], "1970-01-01T00:00:10.5Z");
        assert_eq!(ten["expires_at"], "1970-01-01T00:00:20.5Z");
        let apart = told("apart-long-1");
        let command = apart["executor_config"]["command"].as_str().unwrap();
        assert_eq!(command, "/bin/sh /d/work.sh /d 12 apart");
        assert_eq!(apart["concurrency"], "forbid");
        assert_eq!(told("hold-0")["on_lost"], "hold");
        assert_eq!(told("child-1")["parent_job"], "ten-0");
        assert_eq!(told("both-0")["tags"], json!({"work": "yes:2"}));
        assert_eq!(told("seat-1")["tags"], json!({"seat": "server:1"}));
        assert_eq!(told("again-0")["retries"], 2);
    }
}
