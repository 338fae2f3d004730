//! What a golden data directory holds: a job of every feature, with some history. Nothing in it is
//! due before 2099, so that what was recorded stays so whenever it is opened.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use dkron_conformance::http::{self, Request, Response};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

use super::get;

const PATIENCE: Duration = Duration::from_secs(60);

pub fn send(url: &str, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Response> {
    let request = match body {
        Some(body) => Request::json(method, path, body),
        None => Request::new(method, path),
    };
    let response = http::send(url, &request, Duration::from_secs(20))?;
    ensure!(response.status < 300, "{method} {path}: {} {}", response.status, response.text());
    Ok(response)
}

fn shell(command: &str) -> Value {
    json!({"shell": "true", "command": command})
}

/// By hand or once in 2099, or stopped below.
fn jobs() -> Vec<Value> {
    vec![
        json!({"name": "plain", "schedule": "@manually", "executor": "noop"}),
        json!({"name": "parent", "schedule": "@manually", "executor": "shell",
            "executor_config": shell("echo parent"), "displayname": "A parent",
            "owner": "team", "owner_email": "team@example.org", "metadata": {"a": "b", "c": ""},
            "tags": {"lane": "one:1"}, "processors": {"log": {}}}),
        json!({"name": "child", "parent_job": "parent", "executor": "shell",
            "executor_config": shell("echo child")}),
        json!({"name": "large-output", "schedule": "@manually", "executor": "shell",
            "executor_config": shell("seq -f 'line %g of much output' 1 400")}),
        json!({"name": "fails", "schedule": "@manually", "executor": "shell",
            "executor_config": shell("echo no; exit 3"), "retries": 1}),
        json!({"name": "retried", "schedule": "@manually", "executor": "shell",
            "executor_config": shell("exit 1"), "retries": {"max": 1, "delay": "100ms",
            "backoff": "linear", "max_delay": "1s", "jitter": "10ms", "node": "prefer",
            "on": ["failed"]}}),
        json!({"name": "times-out", "schedule": "@manually", "executor": "shell",
            "executor_config": {"shell": "true", "command": "sleep 30", "timeout": "200ms"}}),
        json!({"name": "cancelled", "schedule": "@manually", "executor": "shell",
            "executor_config": shell("sleep 30")}),
        json!({"name": "forbids", "schedule": "@every 1s", "executor": "shell",
            "executor_config": shell("sleep 3"), "concurrency": "forbid"}),
        json!({"name": "queues", "schedule": "@manually", "executor": "shell",
            "executor_config": shell("sleep 1"), "concurrency": "queue", "queue_depth": 2}),
        json!({"name": "replaces", "schedule": "@manually", "executor": "shell",
            "executor_config": shell("sleep 1"), "concurrency": "replace"}),
        json!({"name": "every-second", "schedule": "* * * * * *", "timezone": "Europe/Berlin",
            "executor": "noop"}),
        json!({"name": "policies", "schedule": "@at 2099-01-01T00:00:00Z", "executor": "noop",
            "misfire": "run_all(3)", "misfire_threshold": "30s", "start_deadline": "1h",
            "jitter": "2s", "max_runtime": "10m", "dst": "once", "on_lost": "hold",
            "lost_after": "2m", "retention": {"executions": 7, "age": "168h"},
            "output_limit": 4096}),
        json!({"name": "disabled", "schedule": "0 0 4 * * *", "disabled": true,
            "executor": "http", "executor_config": {"method": "GET", "url": "http://localhost/"}}),
        json!({"name": "ephemeral-to-come", "schedule": "@at 2099-01-01T00:00:00Z",
            "ephemeral": true, "expires_at": "2099-02-01T00:00:00Z", "executor": "noop"}),
        json!({"name": "ephemeral-that-ran", "schedule": "@manually", "ephemeral": true,
            "executor": "noop"}),
        json!({"name": "deleted", "schedule": "@manually", "executor": "noop"}),
    ]
}

/// Makes the jobs, lets them run, and stops those that run by schedule.
pub fn run(url: &str) -> anyhow::Result<()> {
    let settings = json!({"keep_executions": 50, "lost_after": "4m"});
    // A new leader gives the cluster its first ones before anybody may change them.
    until("settings", PATIENCE, || send(url, "PATCH", "/v1/settings", Some(&settings)).is_ok())?;
    for job in jobs() {
        send(url, "POST", "/v1/jobs", Some(&job))?;
    }
    let by_hand = [
        "plain",
        "plain",
        "parent",
        "large-output",
        "fails",
        "retried",
        "times-out",
        "cancelled",
        "queues",
        "queues",
        "replaces",
        "replaces",
        "ephemeral-that-ran",
        "deleted",
    ];
    for name in by_hand {
        send(url, "POST", &format!("/v1/jobs/{name}"), None)?;
    }
    waited(url, "cancelled", |list| !list.is_empty())?;
    let reason = json!({"reason": "enough", "by": "somebody"});
    send(url, "POST", "/v1/jobs/cancelled/cancel", Some(&reason))?;
    waited(url, "every-second", |list| list.len() >= 2)?;
    until("a skipped slot", PATIENCE, || {
        let skipped = get(url, "/v1/jobs/forbids/skipped");
        skipped.is_ok_and(|list| list.as_array().is_some_and(|list| !list.is_empty()))
    })?;
    for name in ["forbids", "every-second"] {
        send(url, "POST", &format!("/v1/jobs/{name}/toggle"), None)?;
    }
    waited(url, "deleted", |list| list.iter().all(is_finished))?;
    send(url, "DELETE", "/v1/jobs/deleted", None)?;
    let counts = [("fails", 2), ("retried", 2), ("child", 1), ("queues", 2), ("replaces", 2)];
    for (name, count) in counts {
        waited(url, name, |list| list.len() == count)?;
    }
    until("the end of all runs", PATIENCE, || {
        let busy = get(url, "/v1/busy");
        busy.is_ok_and(|list| list.as_array().is_some_and(Vec::is_empty))
    })
}

/// The directory goes on living: a job that was there runs, one more is stored.
pub fn go_on(url: &str) -> anyhow::Result<()> {
    let name = format!("new-{}", get(url, "/v1/jobs")?.as_array().context("a list")?.len());
    let job = json!({"name": name, "schedule": "@manually", "executor": "noop"});
    send(url, "POST", "/v1/jobs", Some(&job))?;
    send(url, "POST", &format!("/v1/jobs/{name}"), None)?;
    waited(url, &name, |list| list.len() == 1 && is_finished(&list[0]))?;
    send(url, "DELETE", &format!("/v1/jobs/{name}"), None)?;
    Ok(())
}

pub fn is_finished(execution: &Value) -> bool {
    execution["finished_at"].as_str().is_some_and(|at| !at.starts_with("0001"))
}

pub fn waited(url: &str, job: &str, enough: impl Fn(&[Value]) -> bool) -> anyhow::Result<()> {
    let path = format!("/v1/jobs/{job}/executions");
    until(&format!("executions of {job}"), PATIENCE, || {
        let list = get(url, &path);
        list.is_ok_and(|list| list.as_array().is_some_and(|list| enough(list)))
    })
}
