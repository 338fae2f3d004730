//! What writes say and demand beyond Dkron's: the entry that carried them, and reads that wait for
//! it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::http::{Request, Response, send};
use dkron_conformance::server::{Server, binary};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn alone() -> Server {
    let args = ["--server", "--bootstrap-expect=1", "--data-dir", "data"];
    Server::start(&binary().unwrap(), &args).unwrap()
}

fn ask(server: &Server, request: &Request) -> Response {
    send(&server.url, request, PATIENCE).unwrap()
}

fn get(server: &Server, target: &str) -> Response {
    ask(server, &Request::new("GET", target))
}

fn job(name: &str) -> Value {
    json!({"name": name, "schedule": "@manually", "executor": "noop"})
}

fn create(server: &Server, name: &str) -> Response {
    let got = ask(server, &Request::json("POST", "/v1/jobs", &job(name)));
    assert_eq!(got.status, 201, "{}", got.text());
    got
}

/// The entry of the log that carried a write.
fn index(answer: &Response) -> u64 {
    let header = answer.header("x-dkron-index");
    header.unwrap_or_else(|| panic!("no index: {}", answer.text())).parse().unwrap()
}

#[test]
fn every_write_names_its_entry_and_a_read_waits_for_one() {
    let server = alone();
    let mut last = index(&create(&server, "a"));
    for (method, target, body) in [
        ("POST", "/v1/jobs", Some(job("a"))),
        ("PUT", "/v1/jobs/a", Some(job("a"))),
        ("POST", "/v1/jobs/a/toggle", None),
        ("POST", "/v1/jobs/a/run", None),
        ("POST", "/v1/jobs/a/cancel", None),
        ("DELETE", "/v1/jobs/a/executions", None),
        ("POST", "/v1/pause", None),
        ("POST", "/v1/unpause", None),
        ("PATCH", "/v1/settings", Some(json!({}))),
        ("PUT", "/v1/nodes/n9/eligibility", Some(json!({"eligible": false}))),
        ("DELETE", "/v1/jobs/a", None),
    ] {
        let request = match &body {
            Some(body) => Request::json(method, target, body),
            None => Request::new(method, target),
        };
        let got = ask(&server, &request);
        assert!(got.status < 300, "{method} {target}: {} {}", got.status, got.text());
        let index = index(&got);
        assert!(index > last, "{method} {target}: {index} after {last}");
        last = index;
    }
    let refused = ask(&server, &Request::new("POST", "/v1/jobs/a/toggle"));
    assert_eq!((refused.status, refused.header("x-dkron-index")), (404, None));

    assert_eq!(get(&server, &format!("/v1/jobs?index={last}")).status, 200);
    let early = get(&server, "/v1/jobs?index=99999999&wait=10ms");
    assert_eq!((early.status, early.header("retry-after")), (503, Some("1")));
    assert!(early.text().contains("not yet up to 99999999"), "{}", early.text());
    for target in ["/v1/jobs?index=x", "/v1/jobs?index=1&wait=11m"] {
        let got = get(&server, target);
        assert_eq!(got.status, 400, "{target}");
        assert!(got.text().contains("index: ") || got.text().contains("wait: "), "{}", got.text());
    }
}

#[test]
fn a_follower_passes_the_entry_on_and_shows_what_it_carried() {
    let cluster = Cluster::start(&binary().unwrap(), 0).unwrap();
    for (no, server) in cluster.servers.iter().enumerate() {
        let name = format!("seen-{no}");
        let index = index(&create(server, &name));
        for other in &cluster.servers {
            // Nobody asks the leader: the index alone makes it new enough.
            let got = get(other, &format!("/v1/jobs/{name}?stale&index={index}&wait=30s"));
            assert_eq!(got.status, 200, "{}", got.text());
        }
    }
}
