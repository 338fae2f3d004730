//! The real binary on a disk that is filled to the last byte while its jobs run: the process
//! stays, reads go on, writes are refused with a text; with room again everything goes on, nothing
//! that was acknowledged is missing and every due slot is accounted for.
//! Bears T-09.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dkron_conformance::http::{self, Request};
use dkron_conformance::instant;
use dkron_conformance::listen::{Listener, Reply};
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

const JOBS: usize = 30;
const PATIENCE: Duration = Duration::from_secs(60);
/// In microseconds, as instants are read.
const SECOND: i64 = 1_000_000;

/// How often the far end saw each (job, nominal time).
type Seen = Arc<Mutex<BTreeMap<(String, String), u32>>>;

/// A small disk of its own, in a mount namespace that a sleeping process keeps.
struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// None where this machine lets nobody mount.
    fn new() -> Option<SmallDisk> {
        let folder = std::env::temp_dir().join(format!("dkron-disk-{}", std::process::id()));
        fs::create_dir_all(folder.join("disk")).unwrap();
        let script = format!(
            "mount -t tmpfs -o size=192m tmpfs '{}' && echo mounted && exec sleep 600",
            folder.join("disk").display()
        );
        let holder = Command::new("unshare")
            .args(["-Urm", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut disk = SmallDisk { holder: holder.ok()?, folder };
        let mut line = String::new();
        let _ = BufReader::new(disk.holder.stdout.take()?).read_line(&mut line);
        (line.trim() == "mounted").then_some(disk)
    }

    /// Where the agent sees it.
    fn inside(&self) -> PathBuf {
        self.folder.join("disk")
    }

    /// Where this process sees it.
    fn outside(&self) -> PathBuf {
        let inside = self.inside();
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(inside.strip_prefix("/").unwrap())
    }

    /// A program that is `binary`, with this disk.
    fn program(&self, binary: &Path) -> PathBuf {
        let path = self.folder.join("dkron");
        let enter = format!(
            "#!/bin/sh\nexec nsenter {} -t {} --wd=\"$PWD\" '{}' \"$@\"\n",
            "--preserve-credentials --user --mount",
            self.holder.id(),
            binary.display()
        );
        fs::write(&path, enter).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn filler(&self) -> PathBuf {
        self.outside().join("filler")
    }

    /// Takes every byte that is free.
    fn fill(&self) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).unwrap();
        let block = vec![0xA5; 1 << 20];
        let mut size = block.len();
        while size > 0 {
            if filler.write_all(&block[..size]).is_err() {
                size /= 2;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn send(url: &str, method: &str, path: &str, body: &Value) -> anyhow::Result<http::Response> {
    Ok(http::send(url, &Request::json(method, path, body), Duration::from_secs(20))?)
}

fn get(url: &str, path: &str) -> anyhow::Result<Value> {
    let response = http::send(url, &Request::new("GET", path), Duration::from_secs(20))?;
    ensure!(response.status == 200, "GET {path}: {} {}", response.status, response.text());
    Ok(response.json()?)
}

fn job(name: &str, sink: &str) -> Value {
    json!({"name": name, "schedule": "@every 1s", "executor": "http",
        "executor_config": {"method": "GET", "url": format!("{sink}/x")}})
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

/// Slots of a job, in seconds, with how many records each has.
fn account(url: &str, name: &str) -> anyhow::Result<BTreeMap<i64, u32>> {
    let mut slots: BTreeMap<i64, u32> = BTreeMap::new();
    let at = |value: &Value| value.as_str().and_then(instant::parse).context("an instant");
    for execution in
        get(url, &format!("/v1/jobs/{name}/executions"))?.as_array().context("a list")?
    {
        *slots.entry(at(&execution["scheduled_at"])? / SECOND).or_insert(0) += 1;
    }
    for record in get(url, &format!("/v1/jobs/{name}/skipped"))?.as_array().context("a list")? {
        let first = at(&record["scheduled_at"])? / SECOND;
        let last = at(&record["last_scheduled_at"])? / SECOND;
        (first..=last).for_each(|slot| *slots.entry(slot).or_insert(0) += 1);
    }
    Ok(slots)
}

/// A write is refused with a text that says what to do and when to come again.
fn is_refused(url: &str, sink: &str) -> bool {
    let Ok(response) = send(url, "POST", "/v1/jobs", &job("refused", sink)) else { return false };
    let retry = response.header("retry-after").is_some();
    response.status == 503 && retry && response.text().contains("disk of the server is full")
}

/// Fills the disk until the log waits; keeps it full for some time and until writes are refused.
fn fill(disk: &SmallDisk, server: &mut Server, sink: &str, time: Duration) {
    let waits = |log: &str| log.matches("writes of the log wait for room").count();
    let before = waits(&server.log());
    until("a log that waits", PATIENCE, || {
        disk.fill();
        waits(&server.log()) > before
    })
    .unwrap_or_else(|err| panic!("{err:#}; log:\n{}", server.log_tail()));
    let since = Instant::now();
    until("a write that is refused", PATIENCE, || {
        disk.fill();
        assert!(server.is_alive(), "the agent ended; log:\n{}", server.log_tail());
        let jobs = get(&server.url, "/v1/jobs").unwrap();
        assert_eq!(jobs.as_array().unwrap().len(), JOBS + 1);
        since.elapsed() > time && is_refused(&server.url, sink)
    })
    .unwrap();
}

#[test]
fn a_disk_filled_to_the_last_byte_is_survived() {
    let Some(disk) = SmallDisk::new() else {
        eprintln!("this machine lets nobody mount a small disk: nothing was tested here");
        return;
    };
    let seen: Seen = Arc::default();
    let sink = sink(&seen);
    let data = disk.inside().join("data");
    let args = ["--server", "--bootstrap-expect=1", "--data-dir", data.to_str().unwrap()];
    let mut server = Server::start(&disk.program(&binary().unwrap()), &args).unwrap();
    for number in 0..JOBS {
        let name = format!("full-{number}");
        let made = send(&server.url, "POST", "/v1/jobs", &job(&name, &sink.url)).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
    }
    // It is at work when the disk gets full and ends meanwhile.
    let slow = json!({"name": "slow", "schedule": "@manually", "executor": "shell",
        "executor_config": {"command": "sleep 5; echo done", "shell": "true"}});
    assert_eq!(send(&server.url, "POST", "/v1/jobs", &slow).unwrap().status, 201);
    let calls = || seen.lock().unwrap().len();
    until("calls", PATIENCE, || calls() >= 3 * JOBS).unwrap();
    assert!(send(&server.url, "POST", "/v1/jobs/slow", &Value::Null).unwrap().status < 300);
    let slow = |url: &str| -> anyhow::Result<Value> {
        let mut list = get(url, "/v1/jobs/slow/executions")?;
        Ok(list.as_array_mut().context("a list")?.pop().unwrap_or_default())
    };
    until("the slow run", PATIENCE, || slow(&server.url).is_ok_and(|run| run.is_object())).unwrap();

    for round in 1..=2 {
        // Longer than a slot may be late, and shorter.
        fill(&disk, &mut server, &sink.url, Duration::from_secs(if round == 1 { 12 } else { 2 }));
        if round == 2 {
            // What the kill takes was not acknowledged.
            server.kill().unwrap();
        }
        disk.free();
        if round == 2 {
            server.restart().unwrap();
        }
        let before = calls();
        until("calls with room again", PATIENCE, || calls() >= before + 2 * JOBS)
            .unwrap_or_else(|err| panic!("{err:#}; log:\n{}", server.log_tail()));
        until("a write that is taken", PATIENCE, || {
            let made = send(&server.url, "POST", "/v1/jobs", &job("full-0", &sink.url));
            made.is_ok_and(|made| made.status == 201)
        })
        .unwrap();
        until("the slow run's end", PATIENCE, || {
            slow(&server.url).is_ok_and(|run| run["success"] == true)
        })
        .unwrap();
    }

    let doubled: Vec<_> = {
        let seen = seen.lock().unwrap();
        seen.iter().filter(|(_, times)| **times > 1).map(|(key, _)| key.clone()).collect()
    };
    assert!(doubled.is_empty(), "called twice: {doubled:?}");
    // The first job was stored anew and began a new account.
    for number in 1..JOBS {
        let name = format!("full-{number}");
        let slots = account(&server.url, &name).unwrap();
        let (first, last) = (*slots.keys().next().unwrap(), *slots.keys().next_back().unwrap());
        let missing: Vec<i64> = (first..=last).filter(|slot| !slots.contains_key(slot)).collect();
        assert!(missing.is_empty(), "{name}: no trace of {missing:?}");
        let twice: Vec<_> = slots.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{name}: decided twice: {twice:?}");
    }
}
