//! The real binary runs jobs and is asked for figures over time: they agree with the executions,
//! also after a kill and a restart.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use anyhow::{Context as _, ensure};
use dkron_conformance::http::{self, Request};
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const GOOD: u64 = 5;
const BAD: u64 = 3;

fn ask(url: &str, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let request = match body {
        Some(body) => Request::json(method, path, body),
        None => Request::new(method, path),
    };
    let response = http::send(url, &request, Duration::from_secs(10))?;
    ensure!(response.status < 300, "{method} {path}: {} {}", response.status, response.text());
    response.json().with_context(|| format!("{method} {path}"))
}

fn create(url: &str, name: &str, command: &str) {
    let job = json!({"name": name, "schedule": "@every 1h", "executor": "shell",
        "executor_config": {"command": command}});
    ask(url, "POST", "/v1/jobs", Some(&job)).unwrap();
}

/// Runs a job so often, and waits until all have ended.
fn run(url: &str, name: &str, times: u64) {
    for _ in 0..times {
        ask(url, "POST", &format!("/v1/jobs/{name}/run"), None).unwrap();
    }
    let ended = || {
        let job = ask(url, "GET", &format!("/v1/jobs/{name}"), None).unwrap();
        job["success_count"].as_u64().unwrap() + job["error_count"].as_u64().unwrap()
    };
    until("all runs to end", PATIENCE, || ended() == times).unwrap();
}

/// The sum of one figure over all buckets: a test may run while an hour changes.
fn sum(stats: &Value, key: &str) -> u64 {
    let buckets = stats["buckets"].as_array().unwrap();
    buckets.iter().map(|bucket| bucket[key].as_u64().unwrap()).sum()
}

/// The largest of one figure over all buckets.
fn most(stats: &Value, pointer: &str) -> u64 {
    let buckets = stats["buckets"].as_array().unwrap();
    buckets.iter().filter_map(|bucket| bucket.pointer(pointer)?.as_u64()).max().unwrap()
}

fn check(url: &str) {
    let stats = |query: &str| ask(url, "GET", &format!("/v1/stats?{query}"), None).unwrap();
    for span in ["hour", "day"] {
        let good = stats(&format!("scope=job&name=good&span={span}"));
        assert_eq!((sum(&good, "success"), sum(&good, "failed")), (GOOD, 0), "{good}");
        let longest = most(&good, "/duration/max_ms");
        assert!((100..10_000).contains(&longest), "each sleeps for 100 ms: {good}");
        assert!(most(&good, "/duration/p50_ms") <= longest, "{good}");
        let bad = stats(&format!("scope=job&name=bad&span={span}"));
        assert_eq!((sum(&bad, "success"), sum(&bad, "failed")), (0, BAD), "{bad}");
    }
    let node = ask(url, "GET", "/v1", None).unwrap()["agent"]["name"].as_str().unwrap().to_owned();
    for span in ["minute", "hour", "day"] {
        for scope in ["scope=cluster".to_owned(), format!("scope=node&name={node}")] {
            let all = stats(&format!("{scope}&span={span}"));
            assert_eq!((sum(&all, "success"), sum(&all, "failed")), (GOOD, BAD), "{all}");
        }
    }
    let past = stats("from=2001-01-01T00:00:00Z&to=2002-01-01T00:00:00Z");
    assert_eq!(past["buckets"], json!([]));
}

#[test]
fn figures_agree_with_the_executions() {
    let args = ["--server", "--bootstrap-expect=1", "--data-dir", "data"];
    let mut server = Server::start(&binary().unwrap(), &args).unwrap();
    create(&server.url, "good", "sleep 0.1");
    create(&server.url, "bad", "false");
    run(&server.url, "good", GOOD);
    run(&server.url, "bad", BAD);
    check(&server.url);

    server.kill().unwrap();
    server.restart().unwrap();
    check(&server.url);

    ask(&server.url, "DELETE", "/v1/jobs/bad", None).unwrap();
    let request = Request::new("GET", "/v1/stats?scope=job&name=bad");
    let gone = http::send(&server.url, &request, Duration::from_secs(10)).unwrap();
    assert_eq!(gone.status, 404);
}
