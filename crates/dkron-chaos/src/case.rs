//! What one run leaves behind, as files of one folder: the plan, the lines of the workers, the
//! history that each server tells. Instants are microseconds since 1970, as `instant` reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use dkron_conformance::instant;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lines::{self, Line};

pub const SECOND: i64 = 1_000_000;
const PLAN: &str = "plan.json";
const OPS: &str = "ops.json";
const HISTORY: &str = "history";
const LINES: &str = "lines";

/// In the name of a fault that takes the runs of a host with their runner.
pub const RUNNER: &str = "of the runner";

/// In the name of a fault that freezes a host for longer than what keeps others out lasts.
pub const BEYOND_LEASE: &str = "beyond its lease";

/// What was meant to happen, and what was done to the hosts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    pub seed: u64,
    /// Slots of this span are due: neither end is a slot.
    pub from: i64,
    pub until: i64,
    pub jobs: Vec<Job>,
    pub hosts: Vec<Host>,
    pub bands: Vec<Band>,
    /// Ends of processes that nobody asked for, panics.
    pub incidents: Vec<String>,
    /// What this machine could not do, and was therefore not tried.
    pub left_out: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Job {
    pub name: String,
    /// Seconds; slots are the instants of the epoch with this remainder. 0: never by itself.
    pub period: i64,
    pub phase: i64,
    pub concurrency: String,
    pub retries: u32,
    /// Seconds before another attempt.
    pub retry_delay: i64,
    /// The first attempt ends with exit code 1.
    pub fails_first: bool,
    pub hold: bool,
    pub parent: Option<String>,
    /// Where it may run, and on how many of them at once.
    pub nodes: Vec<String>,
    pub places: usize,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    pub server: bool,
}

/// A time in which something was broken.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Band {
    pub name: String,
    pub hosts: Vec<String>,
    pub from: i64,
    pub to: i64,
}

impl Band {
    /// Whether it may explain what happened between two instants on one of its hosts.
    pub fn touches(&self, host: &str, from: i64, to: i64) -> bool {
        self.from <= to && from <= self.to && self.hosts.iter().any(|own| own == host)
    }
}

/// What a client did to one register, one after the other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Op {
    pub write: bool,
    pub server: String,
    pub value: u64,
    /// `ok`, `refused` (it did not happen) or `unknown`.
    pub outcome: String,
    /// The answer itself says that it may be old.
    pub stale: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    pub id: String,
    pub job: String,
    pub group: u64,
    pub attempt: u32,
    pub node: String,
    pub state: String,
    pub reason: String,
    pub scheduled: Option<i64>,
    pub finished: Option<i64>,
    pub exit_code: Option<i64>,
}

impl Execution {
    pub fn is_terminal(&self) -> bool {
        !matches!(self.state.as_str(), "pending" | "running" | "unreachable")
    }
}

/// A run of slots that did not become executions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    pub first: i64,
    pub last: i64,
    pub count: u64,
    pub reason: String,
}

/// One job as one server tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    pub executions: Vec<Execution>,
    pub skipped: Vec<Skipped>,
    pub successes: u64,
    pub errors: u64,
}

/// All that one server tells.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub server: String,
    pub jobs: BTreeMap<String, Story>,
    /// Log index and state hash, where the server tells them.
    pub hash: Option<(u64, String)>,
}

#[derive(Clone, Debug, Default)]
pub struct Case {
    pub plan: Plan,
    pub lines: Vec<Line>,
    /// At least one for a judgement.
    pub histories: Vec<History>,
    pub ops: Vec<Op>,
}

impl Case {
    pub fn read(dir: &Path) -> anyhow::Result<Case> {
        let mut case = Case { plan: json(&dir.join(PLAN))?, ..Case::default() };
        for (name, path) in files(&dir.join(LINES), ".log")? {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {path:?}"))?;
            case.lines.extend(lines::parse(&name, &text));
        }
        for (server, path) in files(&dir.join(HISTORY), ".json")? {
            case.histories.push(history(&server, &json(&path)?));
        }
        if dir.join(OPS).exists() {
            case.ops = json(&dir.join(OPS))?;
        }
        anyhow::ensure!(!case.histories.is_empty(), "{dir:?} holds no history of any server");
        Ok(case)
    }

    /// A job as the first server tells it.
    pub fn story(&self, job: &str) -> Story {
        self.histories[0].jobs.get(job).cloned().unwrap_or_default()
    }
}

pub fn write_plan(dir: &Path, plan: &Plan) -> anyhow::Result<()> {
    write(&dir.join(PLAN), plan)
}

pub fn write_ops(dir: &Path, ops: &[Op]) -> anyhow::Result<()> {
    write(&dir.join(OPS), &ops)
}

/// `{"jobs": {NAME: {"job", "executions", "skipped"}}, "state": {"index", "hash"} or null}`.
pub fn write_history(dir: &Path, server: &str, history: &Value) -> anyhow::Result<()> {
    let folder = dir.join(HISTORY);
    fs::create_dir_all(&folder).with_context(|| format!("creating {folder:?}"))?;
    write(&folder.join(format!("{server}.json")), history)
}

fn write(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    fs::write(path, serde_json::to_vec(value)?).with_context(|| format!("writing {path:?}"))
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = fs::read(path).with_context(|| format!("reading {path:?}"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("reading {path:?}"))
}

/// Files with this ending, by name, as (name without the ending, path).
fn files(folder: &Path, ending: &str) -> anyhow::Result<Vec<(String, std::path::PathBuf)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {folder:?}"))?;
    let mut all: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.strip_suffix(ending)?.to_owned();
            Some((name, entry.path()))
        })
        .collect();
    all.sort();
    Ok(all)
}

fn history(server: &str, value: &Value) -> History {
    let jobs = value["jobs"].as_object().into_iter().flatten();
    let hash = value["state"]["index"].as_u64().map(|index| {
        let hash = &value["state"]["hash"];
        (index, hash.as_str().map_or_else(|| hash.to_string(), str::to_owned))
    });
    History {
        server: server.to_owned(),
        jobs: jobs.map(|(name, told)| (name.clone(), story(told))).collect(),
        hash,
    }
}

fn story(told: &Value) -> Story {
    let list = |key: &str| told[key].as_array().cloned().unwrap_or_default();
    let mut executions: Vec<Execution> = list("executions").iter().map(execution).collect();
    executions.sort_by(|a, b| a.id.cmp(&b.id));
    Story {
        executions,
        skipped: list("skipped").iter().filter_map(skipped).collect(),
        successes: told["job"]["success_count"].as_u64().unwrap_or(0),
        errors: told["job"]["error_count"].as_u64().unwrap_or(0),
    }
}

fn execution(told: &Value) -> Execution {
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    // The year 1 is how clients are told that something has not happened.
    let at = |key: &str| told[key].as_str().and_then(instant::parse).filter(|at| *at > 0);
    Execution {
        id: text("id"),
        job: text("job_name"),
        group: told["group"].as_u64().unwrap_or(0),
        attempt: told["attempt"].as_u64().unwrap_or(1) as u32,
        node: text("node_name"),
        state: text("state"),
        reason: text("reason"),
        scheduled: at("scheduled_at"),
        finished: at("finished_at"),
        exit_code: told["exit_code"].as_i64(),
    }
}

fn skipped(told: &Value) -> Option<Skipped> {
    let at = |key: &str| told[key].as_str().and_then(instant::parse).filter(|at| *at > 0);
    let first = at("scheduled_at")?;
    Some(Skipped {
        first,
        last: at("last_scheduled_at").unwrap_or(first),
        count: told["count"].as_u64().unwrap_or(1),
        reason: told["reason"].as_str().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_server_tells_is_read() {
        let told = json!({
            "jobs": {"a": {
                "job": {"success_count": 2, "error_count": 1},
                "executions": [{
                    "id": "x-1", "job_name": "a", "group": 7, "attempt": 2, "node_name": "n1",
                    "state": "failed", "reason": "gone", "exit_code": 3,
                    "scheduled_at": "1970-01-01T00:00:05Z",
                    "finished_at": "0001-01-01T00:00:00Z",
                }],
                "skipped": [{"scheduled_at": "1970-01-01T00:00:02Z", "count": 3,
                    "last_scheduled_at": "1970-01-01T00:00:04Z", "reason": "missed"}],
            }},
            "state": {"index": 9, "hash": "ab"},
        });
        let history = history("s1", &told);
        assert_eq!(history.hash, Some((9, "ab".to_owned())));
        let story = &history.jobs["a"];
        assert_eq!((story.successes, story.errors), (2, 1));
        let run = &story.executions[0];
        assert_eq!((run.group, run.attempt, run.exit_code), (7, 2, Some(3)));
        assert_eq!((run.scheduled, run.finished), (Some(5 * SECOND), None));
        let skip = &story.skipped[0];
        assert_eq!((skip.first, skip.last, skip.count), (2 * SECOND, 4 * SECOND, 3));
    }
}
