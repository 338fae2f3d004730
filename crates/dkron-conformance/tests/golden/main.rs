//! Data directories of earlier versions: a server starts from a copy of each and shows its jobs,
//! history and counters as they were recorded. They are kept for ever; what they hold is the
//! promise that a stored form never changes.
//!
//! `DKRON_GOLDEN=3 cargo test -p dkron-conformance --test golden` makes the directory `3` with the
//! present binary, when the stored forms have grown.
//! Bears T-43 and T-47.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod company;
mod jobs;
mod pack;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use dkron_conformance::http::{self, Request};
use dkron_conformance::server::{Server, binary};
use serde_json::{Map, Value};

/// What a start may change: when a job is due next depends on the present.
const CHANGES: [&str; 1] = ["next"];

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/golden")
}

/// Removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dkron-golden-{name}-{}", std::process::id()));
        // Left by a killed test.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(data: &Path) -> anyhow::Result<Server> {
    let data = data.to_str().context("a path of plain text")?;
    let args = ["--server", "--bootstrap-expect=1", "--node-name=golden", "--tag", "lane=one"];
    Server::start(&binary()?, &[&args[..], &["--data-dir", data]].concat())
}

fn get(url: &str, path: &str) -> anyhow::Result<Value> {
    let response = http::send(url, &Request::new("GET", path), Duration::from_secs(20))?;
    ensure!(response.status == 200, "GET {path}: {} {}", response.status, response.text());
    response.json().with_context(|| format!("GET {path}"))
}

/// All that is asked of a directory: lists, and each execution with its whole output.
fn answers(url: &str) -> anyhow::Result<Map<String, Value>> {
    let mut paths = vec!["/v1/jobs".to_owned(), "/v1/settings".to_owned()];
    for job in get(url, "/v1/jobs")?.as_array().context("a list of jobs")? {
        let job = format!("/v1/jobs/{}", job["name"].as_str().context("a name")?);
        for execution in get(url, &format!("{job}/executions"))?.as_array().context("a list")? {
            let id = execution["id"].as_str().context("an id")?;
            paths.push(format!("{job}/executions/{id}"));
        }
        paths.push(format!("{job}/executions"));
        paths.push(format!("{job}/skipped"));
    }
    let answer = |path: String| get(url, &path).map(|answer| (path, answer));
    paths.into_iter().map(answer).collect()
}

/// Everything recorded is there; more keys may have come.
fn holds(recorded: &Value, found: &Value, place: &str) -> anyhow::Result<()> {
    match (recorded, found) {
        (Value::Object(recorded), Value::Object(found)) => {
            for (key, value) in recorded.iter().filter(|(key, _)| !CHANGES.contains(&key.as_str()))
            {
                let found = found.get(key).with_context(|| format!("{place}: no `{key}`"))?;
                holds(value, found, &format!("{place}.{key}"))?;
            }
        }
        (Value::Array(recorded), Value::Array(found)) => {
            ensure!(
                recorded.len() == found.len(),
                "{place}: {} of {}",
                found.len(),
                recorded.len()
            );
            for (at, (recorded, found)) in recorded.iter().zip(found).enumerate() {
                holds(recorded, found, &format!("{place}[{at}]"))?;
            }
        }
        _ if recorded == found => {}
        _ => bail!("{place}: {found} instead of {recorded}"),
    }
    Ok(())
}

/// Makes a new directory; one that is there is kept as it is.
fn make(name: &str) -> anyhow::Result<()> {
    let folder = Folder::new("new");
    let data = folder.0.join("data");
    let mut server = start(&data)?;
    jobs::run(&server.url).with_context(|| format!("log:\n{}", server.log_tail()))?;
    company::run(&server).with_context(|| format!("log:\n{}", server.log_tail()))?;
    let answers = answers(&server.url)?;
    // As a crash leaves it: rows that are not synced, a log that knows more.
    server.kill()?;
    let to = home().join(name);
    ensure!(!to.exists(), "{} is there: golden directories are never made anew", to.display());
    fs::create_dir_all(&to)?;
    fs::write(to.join("data.zst"), pack::pack(&data)?)?;
    fs::write(to.join("answers.json"), serde_json::to_vec_pretty(&answers)?)?;
    Ok(())
}

fn check(golden: &Path) -> anyhow::Result<()> {
    let name = golden.file_name().and_then(|name| name.to_str()).context("a name")?;
    let folder = Folder::new(name);
    let data = folder.0.join("data");
    pack::unpack(&fs::read(golden.join("data.zst"))?, &data)?;
    let recorded: Map<String, Value> =
        serde_json::from_slice(&fs::read(golden.join("answers.json"))?)?;
    let mut server = start(&data)?;
    // Twice: the second start reads what the first one wrote.
    for round in 1..=2 {
        for (path, answer) in &recorded {
            let found = get(&server.url, path)?;
            holds(answer, &found, path).with_context(|| format!("start {round}"))?;
        }
        jobs::go_on(&server.url).with_context(|| format!("log:\n{}", server.log_tail()))?;
        server.kill()?;
        server.restart()?;
    }
    Ok(())
}

#[test]
fn data_of_earlier_versions_is_read_for_ever() {
    if let Some(name) = std::env::var("DKRON_GOLDEN").ok().filter(|name| !name.is_empty()) {
        make(&name).unwrap();
    }
    let mut golden: Vec<PathBuf> =
        fs::read_dir(home()).unwrap().map(|entry| entry.unwrap().path()).collect();
    golden.sort();
    assert!(!golden.is_empty(), "no golden data directory");
    for golden in golden {
        check(&golden).unwrap_or_else(|err| panic!("{}: {err:#}", golden.display()));
    }
}
