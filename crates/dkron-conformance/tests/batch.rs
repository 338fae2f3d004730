//! One wish for many jobs, on the real binary.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use dkron_conformance::http::{self, Request, Response};
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn ask(server: &Server, method: &str, path: &str, body: Option<&Value>) -> Response {
    let request = match body {
        Some(body) => Request::json(method, path, body),
        None => Request::new(method, path),
    };
    http::send(&server.url, &request, PATIENCE).unwrap()
}

/// Begins a batch and waits for its end; what is shown of it then.
fn batch(server: &Server, body: &Value) -> Value {
    let got = ask(server, "POST", "/v1/batch", Some(body));
    assert_eq!(got.status, 202, "{}", got.text());
    let path = format!("/v1/batch/{}", got.json().unwrap()["id"].as_str().unwrap());
    let mut shown = Value::Null;
    until("the end of a batch", PATIENCE, || {
        shown = ask(server, "GET", &path, None).json().unwrap();
        shown["state"] != "running"
    })
    .unwrap();
    shown
}

fn listed(server: &Server, query: &str) -> usize {
    let got = ask(server, "GET", &format!("/v1/jobs?{query}"), None);
    got.json().unwrap().as_array().unwrap().len()
}

#[test]
fn many_jobs_are_run_switched_and_deleted() {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    for no in 0..60 {
        let name = format!("{}-{no:02}", if no < 40 { "db" } else { "web" });
        let job = json!({"name": name, "schedule": "@manually", "executor": "noop"});
        assert_eq!(ask(&server, "POST", "/v1/jobs", Some(&job)).status, 201);
    }
    let all = |action: &str| json!({"action": action, "selector": {"prefix": "db-"}});
    let shown = batch(&server, &all("disable"));
    assert_eq!((&shown["total"], &shown["failed"]), (&json!(40), &json!(0)), "{shown}");
    assert_eq!(listed(&server, "disabled=true"), 40);
    // Who asks for a run gets it, and a node that is there.
    let run = json!({"action": "run", "names": ["db-00", "db-01", "nobody"]});
    until("two runs", PATIENCE, || batch(&server, &run)["failed"] == 1).unwrap();
    let shown = batch(&server, &json!({"action": "enable", "selector": {"disabled": true}}));
    assert_eq!((&shown["state"], &shown["finished"]), (&json!("done"), &json!(40)));
    let shown = batch(&server, &all("delete"));
    assert_eq!(shown["results"].as_array().unwrap().len(), 40);
    assert_eq!(listed(&server, ""), 20);
    // Children may stand before their parents.
    let child = json!({"name": "child", "parent_job": "parent", "executor": "noop"});
    let orphan = json!({"name": "orphan", "parent_job": "nobody", "executor": "noop"});
    let parent = json!({"name": "parent", "schedule": "@manually", "executor": "noop"});
    let shown = batch(&server, &json!({"action": "apply", "jobs": [child, orphan, parent]}));
    assert_eq!((&shown["finished"], &shown["failed"]), (&json!(3), &json!(1)), "{shown}");
    assert_eq!(listed(&server, ""), 22);
}
