//! What users of the Go server reported, asked of the real binary: ten clicks at once, jobs whose
//! names begin alike, writes beside runs, instants that are over, backups, pages of any size.
//! Bears T-17, T-18, T-37, T-39, T-40, T-42, T-49 and T-52 as far as one server has them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod slots;

use std::time::Duration;

use dkron_conformance::http::{self, Request, Response};
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};
use slots::{Slots, far_end};

const PATIENCE: Duration = Duration::from_secs(60);

fn server() -> Server {
    Server::start(&binary().unwrap(), &["--dev"]).unwrap()
}

fn ask(url: &str, method: &str, path: &str, body: Option<&Value>) -> Response {
    let request = match body {
        Some(body) => Request::json(method, path, body),
        None => Request::new(method, path),
    };
    http::send(url, &request, PATIENCE).unwrap()
}

fn get(url: &str, path: &str) -> Value {
    let got = ask(url, "GET", path, None);
    assert_eq!(got.status, 200, "{path}: {}", got.text());
    got.json().unwrap()
}

fn put(url: &str, job: &Value) {
    let got = ask(url, "POST", "/v1/jobs", Some(job));
    assert_eq!(got.status, 201, "{}", got.text());
}

fn executions(url: &str, name: &str) -> Vec<Value> {
    get(url, &format!("/v1/jobs/{name}/executions")).as_array().unwrap().clone()
}

/// The answer to a run by hand; a node without a session yet is asked again.
fn run(url: &str, name: &str) -> Response {
    let mut taken = None;
    until("room for a run", PATIENCE, || {
        let got = ask(url, "POST", &format!("/v1/jobs/{name}/run"), None);
        let again = got.status == 503;
        taken = Some(got);
        !again
    })
    .unwrap();
    taken.unwrap()
}

/// A form with the file that a backup is.
fn backup(jobs: &Value) -> Request {
    let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"jobs\"\r\n\r\n";
    let mut request = Request::new("POST", "/v1/restore");
    request.headers.push(("Content-Type".into(), "multipart/form-data; boundary=b".into()));
    request.body = Some(format!("{head}{jobs}\r\n--b--\r\n").into_bytes());
    request
}

#[test]
fn ten_clicks_on_a_job_that_forbids_overlap_are_one_run() {
    let server = server();
    let gate = server.dir.join("gate");
    let command = format!("while [ ! -e {} ]; do sleep 0.05; done", gate.display());
    put(
        &server.url,
        &json!({"name": "click", "schedule": "@manually", "concurrency": "forbid",
            "executor": "shell", "executor_config": {"shell": "true", "command": command}}),
    );
    let clicks: Vec<_> = (0..10)
        .map(|_| {
            let url = server.url.clone();
            std::thread::spawn(move || run(&url, "click"))
        })
        .collect();
    let answers: Vec<Response> = clicks.into_iter().map(|click| click.join().unwrap()).collect();
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    let id = executions(&server.url, "click")[0]["id"].as_str().unwrap().to_owned();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 409).collect();
    assert_eq!(refused.len(), 9);
    assert!(refused.iter().all(|answer| answer.text().contains(&id)), "{}", refused[0].text());
    std::fs::write(gate, "").unwrap();
    until("its end", PATIENCE, || executions(&server.url, "click")[0]["success"] == true).unwrap();
    assert_eq!(executions(&server.url, "click").len(), 1);
}

/// Judged by the runs themselves: each holds a folder that can be made only once.
#[test]
fn runs_of_about_a_second_never_meet_under_a_slot_of_every_second() {
    let server = server();
    let met = server.dir.join("met");
    let names = [("shorter", "0.95"), ("longer", "1.05")];
    for (name, seconds) in names {
        let lock = server.dir.join(name);
        let (lock, met) = (lock.display(), met.display());
        let command =
            format!("mkdir {lock} || echo {name} >> {met}; sleep {seconds}; rmdir {lock}");
        put(
            &server.url,
            &json!({"name": name, "schedule": "* * * * * *", "concurrency": "forbid",
                "executor": "shell", "executor_config": {"shell": "true", "command": command}}),
        );
    }
    let ended = |name: &str| {
        executions(&server.url, name).iter().filter(|one| one["success"] == true).count()
    };
    until("runs of both", PATIENCE, || {
        for (name, _) in names {
            let by_hand = ask(&server.url, "POST", &format!("/v1/jobs/{name}/run"), None);
            assert!([202, 409, 503].contains(&by_hand.status), "{}", by_hand.text());
        }
        names.iter().all(|(name, _)| ended(name) >= 5)
    })
    .unwrap();
    assert!(!met.exists(), "{}", std::fs::read_to_string(met).unwrap_or_default());
    let skipped = get(&server.url, "/v1/jobs/longer/skipped");
    assert!(skipped.as_array().unwrap().iter().any(|record| record["reason"] == "overlap"));
}

#[test]
fn a_deleted_job_takes_nothing_of_those_whose_names_begin_alike() {
    let server = server();
    let names = ["a", "a-b", "ab"];
    for name in names {
        put(&server.url, &json!({"name": name, "schedule": "@manually", "executor": "noop"}));
        assert_eq!(run(&server.url, name).status, 202);
        let done = || executions(&server.url, name).iter().any(|one| one["success"] == true);
        until("a history", PATIENCE, done).unwrap();
    }
    let before = [executions(&server.url, "a-b"), executions(&server.url, "ab")];
    assert_eq!(ask(&server.url, "DELETE", "/v1/jobs/a/executions", None).status, 200);
    assert_eq!(ask(&server.url, "DELETE", "/v1/jobs/a", None).status, 200);
    assert_eq!(ask(&server.url, "GET", "/v1/jobs/a", None).status, 404);
    assert_eq!([executions(&server.url, "a-b"), executions(&server.url, "ab")], before);
}

#[test]
fn the_last_acknowledged_write_counts_while_the_job_runs_each_second() {
    let server = server();
    let (seen, sink) = far_end();
    let slots = Slots::create(&server.url, &sink.url, 2);
    let config = json!({"method": "GET", "url": format!("{}/x", sink.url)});
    let job = |owner: usize| {
        json!({"name": "busy", "schedule": "@every 1s", "owner": owner.to_string(),
            "executor": "http", "executor_config": config})
    };
    let mut owner = 0;
    // As many writes as fit into some seconds of runs; each is read back by another connection.
    until("runs beside writes", PATIENCE, || {
        put(&server.url, &job(owner));
        assert_eq!(get(&server.url, "/v1/jobs/busy")["owner"], owner.to_string());
        owner += 1;
        seen.count() >= 12 && executions(&server.url, "busy").len() >= 3
    })
    .unwrap();
    let last = get(&server.url, "/v1/jobs/busy");
    assert_eq!(last["owner"], (owner - 1).to_string());
    assert_eq!(last["version"], owner, "each write is one version: {last}");
    assert_eq!(seen.doubled(), []);
    slots.are_whole(&server.url);
}

#[test]
fn what_was_stored_is_seen_at_once_by_everybody() {
    let server = server();
    for number in 0..200 {
        let name = format!("seen-{number}");
        put(&server.url, &json!({"name": name, "schedule": "@manually", "executor": "noop"}));
        assert_eq!(get(&server.url, &format!("/v1/jobs/{name}"))["name"], name);
    }
    assert_eq!(get(&server.url, "/v1/jobs").as_array().unwrap().len(), 200);
}

#[test]
fn an_instant_that_is_over_runs_at_once_or_leaves_a_record_and_never_again() {
    let server = server();
    let at = |name: &str, instant: &str| {
        put(
            &server.url,
            &json!({"name": name, "schedule": format!("@at {instant}"), "executor": "noop"}),
        );
    };
    // The clock of this machine, as the server's answers say it.
    put(&server.url, &json!({"name": "clock", "schedule": "@manually", "executor": "noop"}));
    run(&server.url, "clock");
    let now = || executions(&server.url, "clock").first().map(|one| one["finished_at"].clone());
    until("a time", PATIENCE, || now().is_some_and(|at| at != "0001-01-01T00:00:00Z")).unwrap();
    let now = now().unwrap();
    at("just", now.as_str().unwrap());
    at("long", "2020-01-01T00:00:00Z");
    until("the run", PATIENCE, || executions(&server.url, "just").len() == 1).unwrap();
    let skipped = || get(&server.url, "/v1/jobs/long/skipped").as_array().unwrap().clone();
    until("the record", PATIENCE, || skipped().len() == 1).unwrap();
    assert_eq!(skipped()[0]["reason"], "missed");
    // Restored: neither runs again, nor is it recorded once more. What comes behind was decided.
    let restored =
        http::send(&server.url, &backup(&get(&server.url, "/v1/jobs")), PATIENCE).unwrap();
    assert_eq!(restored.status, 200, "{}", restored.text());
    at("last", now.as_str().unwrap());
    until("a later run", PATIENCE, || executions(&server.url, "last").len() == 1).unwrap();
    assert_eq!(executions(&server.url, "just").len(), 1);
    assert_eq!((executions(&server.url, "long").len(), skipped().len()), (0, 1));
}

#[test]
fn no_page_of_jobs_or_executions_is_a_server_error() {
    let server = server();
    for number in 0..50 {
        let name = format!("page-{number:02}");
        put(&server.url, &json!({"name": name, "schedule": "@manually", "executor": "noop"}));
    }
    let bounds = ["", "-1", "0", "1", "49", "50", "51", "100", "99999999999999999999", "x", "1.5"];
    for start in bounds {
        for end in bounds {
            for path in ["/v1/jobs", "/v1/jobs/page-01/executions"] {
                let path = format!("{path}?_start={start}&_end={end}");
                let got = ask(&server.url, "GET", &path, None);
                assert_eq!(got.status, 200, "{path}: {}", got.text());
            }
        }
    }
    assert_eq!(get(&server.url, "/v1/jobs?_start=100&_end=200"), json!([]));
    assert_eq!(get(&server.url, "/v1/jobs?_start=45&_end=200").as_array().unwrap().len(), 5);
}

#[test]
fn a_backup_that_is_restored_elsewhere_is_the_same_list_of_jobs() {
    let (server, empty) = (self::server(), self::server());
    let never = "0 0 4 1 1 *";
    for job in [
        json!({"name": "z-parent", "schedule": never, "executor": "noop", "retries": 2,
            "tags": {"server": "true:1"}, "metadata": {"team": "a"}, "success_count": 7}),
        json!({"name": "a-child", "parent_job": "z-parent", "executor": "noop"}),
        json!({"name": "off", "schedule": never, "executor": "noop", "disabled": true}),
        json!({"name": "zone", "schedule": never, "timezone": "Asia/Tokyo", "executor": "shell",
            "executor_config": {"command": "echo <&> \u{e4}"}, "concurrency": "queue"}),
    ] {
        put(&server.url, &job);
    }
    assert_eq!(run(&server.url, "z-parent").status, 202);
    until("figures", PATIENCE, || get(&server.url, "/v1/jobs/a-child")["success_count"] == 1)
        .unwrap();
    let mut jobs = get(&server.url, "/v1/jobs");
    let restored = http::send(&empty.url, &backup(&jobs), PATIENCE).unwrap();
    assert_eq!(restored.status, 200, "{}", restored.text());
    let mut again = get(&empty.url, "/v1/jobs");
    for job in [&mut jobs, &mut again].into_iter().flat_map(|list| list.as_array_mut().unwrap()) {
        job.as_object_mut().unwrap().remove("version");
    }
    assert_eq!(again, jobs);
}
