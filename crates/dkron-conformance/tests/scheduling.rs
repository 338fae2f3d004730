//! Scheduling is paused and goes on, on the real binary.

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

fn get(server: &Server, path: &str) -> Value {
    let got = ask(server, "GET", path, None);
    assert_eq!(got.status, 200, "{path}: {}", got.text());
    got.json().unwrap()
}

fn create(server: &Server, job: &Value) {
    let got = ask(server, "POST", "/v1/jobs", Some(job));
    assert_eq!(got.status, 201, "{}", got.text());
}

/// A new cluster takes pauses once its nodes have said that they know them.
fn pause(server: &Server, body: &Value) -> Value {
    let mut paused = Value::Null;
    until("a pause", PATIENCE, || {
        let got = ask(server, "POST", "/v1/scheduling/pause", Some(body));
        let text = got.text();
        if got.status == 400 && text.starts_with("the cluster is at version") {
            return false;
        }
        assert_eq!(got.status, 201, "{text}");
        paused = got.json().unwrap();
        true
    })
    .unwrap();
    paused
}

/// How many slots were skipped as paused, and how often the job ran.
fn counts(server: &Server, name: &str) -> (u64, usize) {
    let skipped = get(server, &format!("/v1/jobs/{name}/skipped"));
    let paused = skipped.as_array().unwrap().iter().filter(|one| one["reason"] == "paused");
    let paused = paused.map(|one| one["count"].as_u64().unwrap()).sum();
    let ran = get(server, &format!("/v1/jobs/{name}/executions"));
    (paused, ran.as_array().unwrap().len())
}

#[test]
fn nothing_starts_by_itself_until_scheduling_goes_on() {
    let args = ["--server", "--bootstrap-expect=1", "--data-dir", "data"];
    let mut server = Server::start(&binary().unwrap(), &args).unwrap();
    let every = |name: &str| json!({"name": name, "schedule": "@every 1s", "executor": "noop"});
    create(&server, &every("db-a"));
    create(&server, &every("web"));
    create(&server, &json!({"name": "after", "parent_job": "db-a", "executor": "noop"}));
    until("runs", PATIENCE, || counts(&server, "db-a").1 > 0 && counts(&server, "web").1 > 0)
        .unwrap();

    let paused = pause(&server, &json!({"reason": "release", "scope": {"prefix": "db-"}}));
    let ran = counts(&server, "db-a").1;
    // It outlives the server.
    server.restart().unwrap();
    until("skipped slots", PATIENCE, || counts(&server, "db-a").0 >= 2).unwrap();
    assert_eq!(counts(&server, "db-a").1, ran);
    assert_eq!(counts(&server, "web").0, 0);
    let shown = get(&server, "/v1/scheduling");
    assert_eq!((&shown["paused"], &shown["pauses"][0]["id"]), (&json!(true), &paused["id"]));
    let newest = &get(&server, "/v1/jobs/db-a/skipped")[0];
    assert_eq!(newest["detail"], "release", "{newest}");
    // Who asks for a run gets it.
    let by_hand = || ask(&server, "POST", "/v1/jobs/db-a/run", None).status == 202;
    until("a run by hand", PATIENCE, by_hand).unwrap();

    let path = format!("/v1/scheduling/pause/{}", paused["id"].as_str().unwrap());
    assert_eq!(ask(&server, "DELETE", &path, None).json().unwrap(), json!({"resumed": 1}));
    assert_eq!(ask(&server, "DELETE", &path, None).status, 404);
    assert_eq!(get(&server, "/v1/scheduling"), json!({"paused": false, "pauses": []}));
    until("runs again", PATIENCE, || counts(&server, "db-a").1 > ran + 1).unwrap();
}

#[test]
fn a_pause_is_over_by_itself() {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let job = json!({"name": "tick", "schedule": "@every 1s", "executor": "noop"});
    create(&server, &job);
    until("a run", PATIENCE, || counts(&server, "tick").1 > 0).unwrap();
    pause(&server, &json!({"until": "3s"}));
    let ran = counts(&server, "tick").1;
    until("a skipped slot", PATIENCE, || counts(&server, "tick").0 > 0).unwrap();
    until("runs again", PATIENCE, || counts(&server, "tick").1 > ran).unwrap();
    assert_eq!(get(&server, "/v1/scheduling")["paused"], false);
    for (body, said) in [
        (json!({"until": "2020-01-01T00:00:00Z"}), "until: that instant is over"),
        (json!({"scope": {}}), "scope: it wants"),
        (json!({"by": "scheduler"}), "by: "),
    ] {
        let got = ask(&server, "POST", "/v1/scheduling/pause", Some(&body));
        assert_eq!((got.status, got.text().starts_with(said)), (400, true), "{}", got.text());
    }
    for _ in 0..32 {
        pause(&server, &json!({"scope": {"jobs": ["nobody"]}}));
    }
    let got = ask(&server, "POST", "/v1/scheduling/pause", None);
    assert_eq!(got.status, 409, "{}", got.text());
    let got = ask(&server, "POST", "/v1/scheduling/resume", None);
    assert_eq!(got.json().unwrap(), json!({"resumed": 32}));
}
