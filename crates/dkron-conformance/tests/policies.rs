//! The real binary keeps what a job's policy says: one waits its turn, one takes the place of
//! another, one is cancelled, one is followed; and the cluster's settings outlive a restart.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dkron_conformance::http::{self, Request, Response};
use dkron_conformance::instant;
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

/// A run that the server has taken; one that finds no session yet is asked for again.
fn run(server: &Server, name: &str) -> Response {
    let path = format!("/v1/jobs/{name}/run");
    let mut taken = None;
    until("room for a run", PATIENCE, || {
        let got = ask(server, "POST", &path, None);
        let again = got.status == 503;
        taken = Some(got);
        !again
    })
    .unwrap();
    taken.unwrap()
}

/// A shell job that runs until the file appears.
fn create(server: &Server, name: &str, file: &Path, more: Value) {
    let shown = file.display();
    let command = format!("echo begun; while [ ! -e {shown} ]; do sleep 0.05; done; echo over");
    let mut job = json!({"name": name, "schedule": "@manually", "executor": "shell",
        "executor_config": {"shell": "true", "command": command}});
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let got = ask(server, "POST", "/v1/jobs", Some(&job));
    assert_eq!(got.status, 201, "{}", got.text());
}

fn executions(server: &Server, name: &str) -> Vec<Value> {
    get(server, &format!("/v1/jobs/{name}/executions?_order=ASC")).as_array().unwrap().clone()
}

fn states(server: &Server, name: &str) -> Vec<String> {
    let all = executions(server, name);
    all.iter().map(|each| each["state"].as_str().unwrap().to_owned()).collect()
}

fn wait_for(server: &Server, name: &str, wanted: &[&str]) {
    let waited =
        until(&format!("{wanted:?} of {name}"), PATIENCE, || states(server, name) == wanted);
    waited.unwrap_or_else(|err| panic!("{err}: {:?}\n{}", states(server, name), server.log_tail()));
}

fn server() -> (Server, PathBuf) {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let file = server.dir.join("go");
    (server, file)
}

#[test]
fn one_waits_its_turn() {
    let (server, file) = server();
    create(&server, "q", &file, json!({"concurrency": "queue", "queue_depth": 2}));
    assert!(run(&server, "q").header("x-dkron-group").is_some());
    for _ in 0..2 {
        let waits = run(&server, "q");
        assert_eq!((waits.status, waits.header("x-dkron-queued")), (202, Some("true")));
    }
    let refused = run(&server, "q");
    assert_eq!(refused.status, 409, "{}", refused.text());
    wait_for(&server, "q", &["running"]);
    std::fs::write(&file, "").unwrap();
    wait_for(&server, "q", &["success", "success", "success"]);
    let at = |value: &Value| instant::parse(value.as_str().unwrap()).unwrap();
    let all = executions(&server, "q");
    for pair in all.windows(2) {
        assert!(at(&pair[0]["finished_at"]) <= at(&pair[1]["started_at"]), "{pair:?}");
    }
}

#[test]
fn one_takes_the_place_of_another() {
    let (server, file) = server();
    create(&server, "r", &file, json!({"concurrency": "replace"}));
    run(&server, "r");
    wait_for(&server, "r", &["running"]);
    let waits = run(&server, "r");
    assert_eq!((waits.status, waits.header("x-dkron-queued")), (202, Some("true")));
    wait_for(&server, "r", &["cancelled", "running"]);
    let all = executions(&server, "r");
    assert_eq!(all[0]["cancelled"]["by"], "scheduler", "{}", all[0]);
    assert_eq!(all[0]["reason"], "replaced", "{}", all[0]);
    std::fs::write(&file, "").unwrap();
    wait_for(&server, "r", &["cancelled", "success"]);
}

#[test]
fn one_is_cancelled() {
    let (server, file) = server();
    create(&server, "c", &file, json!({"retries": 3}));
    run(&server, "c");
    wait_for(&server, "c", &["running"]);
    let id = executions(&server, "c")[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/jobs/c/executions/{id}/cancel");
    let why = json!({"reason": "wrong file", "by": "ann"});
    let got = ask(&server, "POST", &path, Some(&why));
    assert_eq!(got.status, 202, "{}", got.text());
    assert_eq!(got.json().unwrap()["executions"], json!([id]));
    wait_for(&server, "c", &["cancelled"]);
    let ended = &executions(&server, "c")[0];
    assert_eq!(ended["cancelled"]["by"], "ann");
    assert_eq!(ended["cancelled"]["reason"], "wrong file");
    assert_eq!(ended["reason"], "cancelled");
    let again = ask(&server, "POST", &path, None);
    assert_eq!(again.status, 409);
    assert_eq!(again.text(), format!("execution {id} has ended already: cancelled"));
    let nothing = ask(&server, "POST", "/v1/jobs/c/cancel", None);
    assert_eq!(nothing.json().unwrap(), json!({"executions": [], "retries": 0, "queued": 0}));
    run(&server, "c");
    wait_for(&server, "c", &["cancelled", "running"]);
    let all = ask(&server, "POST", "/v1/jobs/c/cancel", None);
    assert_eq!(all.json().unwrap()["executions"].as_array().unwrap().len(), 1);
    wait_for(&server, "c", &["cancelled", "cancelled"]);
    assert_eq!(executions(&server, "c")[1]["cancelled"]["by"], "rest 127.0.0.1");
    assert!(!file.exists());
}

#[test]
fn policies_come_back_as_they_were_posted() {
    let (server, file) = server();
    let policy = json!({
        "queue_depth": 3, "misfire": "run_all(5)", "misfire_threshold": "30s",
        "start_deadline": "2h0m0s", "dst": "once", "jitter": "5s", "max_runtime": "1m0s",
        "on_lost": "leave", "lost_after": "1m0s", "output_limit": 1000,
        "retry": {"delay": "2s", "backoff": "fixed", "node": "other", "on": ["failed", "lost"]},
        "retention": {"executions": 7, "age": "168h0m0s"},
    });
    create(&server, "p", &file, policy.clone());
    let shown = get(&server, "/v1/jobs/p");
    for (key, value) in policy.as_object().unwrap() {
        assert_eq!(shown[key], *value, "{key}");
    }
    let posted = ask(&server, "POST", "/v1/jobs", Some(&shown));
    assert_eq!(posted.status, 201, "{}", posted.text());
    let again = get(&server, "/v1/jobs/p");
    for (key, value) in shown.as_object().unwrap() {
        assert!(key == "version" || again[key] == *value, "{key}: {}", again[key]);
    }
}

#[test]
fn policies_that_can_not_be_are_refused() {
    let (server, _) = server();
    for (field, value, said) in [
        ("lost_after", json!("10s"), "lost_after: 10 s is too short"),
        ("jitter", json!("48h"), "jitter: "),
        ("max_runtime", json!("0s"), "max_runtime: "),
        ("retention", json!({"executions": 0}), "retention.executions: "),
        ("retry", json!({"delay": "10s", "max_delay": "1s"}), "retry.max_delay: "),
        ("misfire", json!("run_all(0)"), "misfire: "),
        ("dst", json!("never"), "dst: "),
        ("retries", json!({"max": 1, "often": true}), "retries: it has no \"often\""),
    ] {
        let job = json!({"name": "x", "schedule": "@manually", field: value});
        let got = ask(&server, "POST", "/v1/jobs", Some(&job));
        let wanted = format!("Job validation failed: {said}");
        assert!(got.status == 400 && got.text().starts_with(&wanted), "{job}: {}", got.text());
    }
}

#[test]
fn settings_outlive_a_restart() {
    let args = ["--server", "--bootstrap-expect=1", "--data-dir", "data", "--keep-executions=7"];
    let mut server = Server::start(&binary().unwrap(), &args).unwrap();
    until("settings", PATIENCE, || ask(&server, "GET", "/v1/settings", None).status == 200)
        .unwrap();
    assert_eq!(get(&server, "/v1/settings")["keep_executions"], 7);
    let some = json!({"keep_executions": 5, "misfire": "skip", "keep_for": "720h"});
    let got = ask(&server, "PATCH", "/v1/settings", Some(&some));
    assert_eq!(got.status, 200, "{}", got.text());
    for (body, said) in [
        (json!({"lost_after": "10s"}), "lost_after: "),
        (json!({"keep_executions": 0}), "keep_executions: "),
        (json!({"zone": "Mars/Base"}), "zone: "),
        (json!({"misfires": "skip"}), "misfires: "),
    ] {
        let got = ask(&server, "PATCH", "/v1/settings", Some(&body));
        assert!(got.status == 400 && got.text().starts_with(said), "{body}: {}", got.text());
    }
    let stored = get(&server, "/v1/settings");
    server.kill().unwrap();
    server.restart().unwrap();
    assert_eq!(get(&server, "/v1/settings"), stored);
    assert_eq!(stored["keep_for"], "720h0m0s");
    until("a line about the option", PATIENCE, || {
        server.log().contains("option keep-executions is `7` and the cluster's setting `5`")
    })
    .unwrap();
}

#[test]
fn one_is_followed() {
    let (server, file) = server();
    create(&server, "f", &file, json!({}));
    run(&server, "f");
    wait_for(&server, "f", &["running"]);
    let id = executions(&server, "f")[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/jobs/f/executions/{id}/output");
    until("its first line", PATIENCE, || ask(&server, "GET", &path, None).text() == "begun\n")
        .unwrap();
    let follow = |query: &'static str| {
        let (url, path) = (server.url.clone(), format!("{path}?follow=true{query}"));
        std::thread::spawn(move || http::send(&url, &Request::new("GET", &path), PATIENCE).unwrap())
    };
    let followers = [follow(""), follow("&from=6"), follow("&format=sse")];
    std::fs::write(&file, "").unwrap();
    let [plain, rest, events] = followers.map(|follower| follower.join().unwrap());
    assert_eq!(plain.text(), "begun\nover\n");
    assert_eq!(rest.text(), "over\n");
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let events = events.text();
    assert!(events.starts_with("id: 6\ndata: begun\ndata: \n\n"), "{events}");
    assert!(
        events.ends_with("id: 11\ndata: over\ndata: \n\nid: end\nevent: end\ndata: success\n\n"),
        "{events}"
    );
    let whole = ask(&server, "GET", &path, None);
    assert_eq!((whole.status, whole.text().as_str()), (200, "begun\nover\n"));
    assert_eq!(whole.header("x-dkron-output-total"), Some("11"));
    assert_eq!(whole.header("x-dkron-output-dropped"), Some("0"));
    assert_eq!(whole.header("x-dkron-execution-state"), Some("success"));
    let mut request = Request::new("GET", &path);
    request.headers.push(("Range".into(), "bytes=6-8".into()));
    let part = http::send(&server.url, &request, PATIENCE).unwrap();
    assert_eq!((part.status, part.text().as_str()), (206, "ove"));
    assert_eq!(part.header("content-range"), Some("bytes 6-8/11"));
    let piece = ask(&server, "GET", &format!("{path}?from=9"), None);
    assert_eq!((piece.text().as_str(), piece.header("x-dkron-output-next")), ("r\n", Some("11")));
}

#[test]
fn followers_are_bounded_and_those_that_leave_make_room() {
    let (server, file) = server();
    create(&server, "b", &file, json!({}));
    run(&server, "b");
    wait_for(&server, "b", &["running"]);
    let id = executions(&server, "b")[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/jobs/b/executions/{id}/output?follow=true");
    let begin = || {
        let mut stream = TcpStream::connect(http::authority(&server.url).unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        (status == *b"HTTP/1.1 200").then_some(stream)
    };
    let followers: Vec<TcpStream> = (0..256).filter_map(|_| begin()).collect();
    assert_eq!(followers.len(), 256);
    let refused = ask(&server, "GET", &path, None);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    drop(followers);
    until("room for a follower", PATIENCE, || begin().is_some()).unwrap();
}
