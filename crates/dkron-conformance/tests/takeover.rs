//! The real binary ends in every way while shell jobs run: they go on, the next agent takes them
//! over, each has run once and ends with its own result. What is cancelled or too long leaves no
//! process behind, whoever started it.
//! Bears T-04, T-05, T-10, T-13, T-34 and T-35.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dkron_conformance::http::{self, Request};
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

const JOBS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(60);

fn start() -> Server {
    let args = ["--server", "--bootstrap-expect=1", "--data-dir", "data"];
    Server::start(&binary().unwrap(), &args).unwrap()
}

fn ask(url: &str, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let request = match body {
        Some(body) => Request::json(method, path, body),
        None => Request::new(method, path),
    };
    let response = http::send(url, &request, Duration::from_secs(10))?;
    ensure!(response.status < 300, "{method} {path}: {} {}", response.status, response.text());
    response.json().with_context(|| format!("{method} {path}"))
}

/// A job that only a hand starts within the time of a test.
fn create(server: &Server, name: &str, command: &str, more: &[(&str, &str)]) {
    let mut config = json!({"command": command, "shell": "true"});
    for (key, value) in more {
        config[key] = json!(value);
    }
    let job = json!({"name": name, "schedule": "@every 1000h", "executor": "shell",
        "executor_config": config});
    ask(&server.url, "POST", "/v1/jobs", Some(&job)).unwrap();
}

fn run(server: &Server, name: &str) {
    ask(&server.url, "POST", &format!("/v1/jobs/{name}"), None).unwrap();
}

fn cancel(server: &Server, name: &str) -> Value {
    ask(&server.url, "POST", &format!("/v1/jobs/{name}/cancel"), None).unwrap()
}

fn executions(server: &Server, name: &str) -> Vec<Value> {
    let path = format!("/v1/jobs/{name}/executions?output_size_limit=100000");
    let list = ask(&server.url, "GET", &path, None).unwrap_or_default();
    list.as_array().cloned().unwrap_or_default()
}

fn is_terminal(execution: &Value) -> bool {
    !matches!(execution["state"].as_str(), Some("pending" | "running" | "unreachable"))
}

/// The executions of a job, once so many have ended.
fn ended(server: &Server, name: &str, many: usize) -> Vec<Value> {
    let over = || executions(server, name).iter().filter(|one| is_terminal(one)).count() == many;
    until(&format!("end of {name}"), PATIENCE, over).unwrap_or_else(|err| {
        panic!("{err:#}: {:?}\n{}", executions(server, name), server.log_tail())
    });
    executions(server, name)
}

/// Processes whose command line holds this text, the searching one's own children aside.
fn processes(text: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = all.filter_map(|process| {
        let line = fs::read(process.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(text).then(|| format!("{}: {line}", process.file_name().display()))
    });
    lines.collect()
}

/// A number of seconds that nobody else sleeps.
fn token(number: u32) -> String {
    format!("{}.{number:03}", 1_000_000 + std::process::id())
}

fn none_left(text: &str) {
    until("end of all processes", PATIENCE, || processes(text).is_empty())
        .unwrap_or_else(|err| panic!("{err:#}: {:?}", processes(text)));
}

fn terminate(server: &mut Server) {
    let pid = server.pid().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    until("end of the agent", PATIENCE, || !server.is_alive()).unwrap();
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn shell_jobs_outlive_their_agent() {
    let mut server = start();
    let (dir, sleep) = (server.dir.clone(), token(1));
    let name = |number: usize| format!("survivor-{number}");
    for number in 0..JOBS {
        let (started, gate) = (dir.join(format!("started-{number}")), dir.join("gate"));
        let command = format!(
            "echo begun; echo {number} >> {}; while [ ! -e {} ]; do sleep 0.05; done; \
             echo result {number}; exit {}",
            started.display(),
            gate.display(),
            number % 3
        );
        create(&server, &name(number), &command, &[]);
        run(&server, &name(number));
    }
    create(&server, "endless", &format!("sleep {sleep} & sleep {sleep}"), &[]);
    run(&server, "endless");
    let begun = || (0..JOBS).all(|number| lines(&dir.join(format!("started-{number}"))) == 1);
    until("start of all", PATIENCE, begun).unwrap();
    until("start of the endless", PATIENCE, || processes(&sleep).len() >= 2).unwrap();

    for round in 0..4 {
        if round % 2 == 0 {
            server.kill().unwrap();
        } else {
            terminate(&mut server);
        }
        assert!(processes(&sleep).len() >= 2, "round {round}: it goes on without its agent");
        server.restart().unwrap_or_else(|err| panic!("round {round}: {err:#}"));
        let running = || ask(&server.url, "GET", "/v1/busy", None).unwrap_or_default();
        let all = || running().as_array().is_some_and(|list| list.len() == JOBS + 1);
        until("all runs again", PATIENCE, all)
            .unwrap_or_else(|err| panic!("{err:#}: {}\n{}", running(), server.log_tail()));
    }

    let output = &executions(&server, &name(0))[0]["output"];
    assert_eq!(output, "begun\n", "what runs shows what it wrote under earlier agents");
    cancel(&server, "endless");
    let cancelled = ended(&server, "endless", 1);
    assert_eq!(cancelled[0]["state"], "cancelled", "{cancelled:?}");
    none_left(&sleep);

    fs::write(dir.join("gate"), "").unwrap();
    for number in 0..JOBS {
        let all = ended(&server, &name(number), 1);
        let one = &all[0];
        let code = number % 3;
        assert_eq!(one["success"], json!(code == 0), "{one}");
        assert_eq!(one["exit_code"], json!(code), "{one}");
        let expected = format!("begun\nresult {number}\n");
        assert!(one["output"].as_str().unwrap().ends_with(&expected), "{one}");
        let starts = lines(&dir.join(format!("started-{number}")));
        assert_eq!(starts, 1, "{} was started {starts} times", name(number));
    }
}

#[test]
fn what_ends_while_nobody_looks_is_told_later() {
    let mut server = start();
    let (dir, gate) = (server.dir.clone(), server.dir.join("gate"));
    let ready = dir.join("ready");
    let command = format!(
        "echo x > {}; while [ ! -e {} ]; do sleep 0.05; done; head -c 300000 /dev/zero | \
         tr '\\0' y; echo; echo told; echo x > {}; exit 7",
        ready.display(),
        gate.display(),
        dir.join("over").display()
    );
    create(&server, "alone", &command, &[]);
    run(&server, "alone");
    until("start", PATIENCE, || ready.exists()).unwrap();
    server.kill().unwrap();
    fs::write(&gate, "").unwrap();
    until("end of the command", PATIENCE, || dir.join("over").exists()).unwrap();
    server.restart().unwrap();
    let one = ended(&server, "alone", 1)[0].clone();
    assert_eq!((&one["exit_code"], &one["state"]), (&json!(7), &json!("failed")), "{one}");
    let path = format!("/v1/jobs/alone/executions/{}", one["id"].as_str().unwrap());
    let whole = ask(&server.url, "GET", &path, None).unwrap();
    let output = whole["output"].as_str().unwrap();
    assert!(output.ends_with("yyy\ntold\n") && output.len() > 250_000, "{}", output.len());
}

#[test]
fn a_timeout_ends_what_was_left_in_the_background() {
    let server = start();
    let sleep = token(2);
    create(&server, "background", &format!("sleep {sleep} & echo hi"), &[("timeout", "2s")]);
    run(&server, "background");
    let one = ended(&server, "background", 1)[0].clone();
    assert!(one["output"].as_str().unwrap().contains("hi\n"), "{one}");
    none_left(&sleep);
}

#[test]
fn a_hundred_cancels_leave_no_process() {
    let server = start();
    let sleep = token(3);
    create(&server, "many", &format!("sleep {sleep} & sleep {sleep}"), &[]);
    for _ in 0..100 {
        run(&server, "many");
    }
    until("start of all", PATIENCE, || processes(&format!("sleep {sleep}")).len() >= 200).unwrap();
    let answer = cancel(&server, "many");
    assert_eq!(answer["executions"].as_array().map(Vec::len), Some(100), "{answer}");
    let all = ended(&server, "many", 100);
    let states: Vec<&Value> = all.iter().map(|one| &one["state"]).collect();
    assert!(states.iter().all(|state| *state == "cancelled"), "{states:?}");
    none_left(&sleep);
}

#[test]
fn a_node_that_leaves_takes_its_runs_along() {
    let mut server = start();
    let sleep = token(4);
    create(&server, "left", &format!("sleep {sleep}"), &[]);
    run(&server, "left");
    until("start", PATIENCE, || !processes(&sleep).is_empty()).unwrap();
    ask(&server.url, "POST", "/v1/leave", None).unwrap();
    until("end of the agent", PATIENCE, || !server.is_alive()).unwrap();
    none_left(&sleep);
    server.restart().unwrap();
    let one = ended(&server, "left", 1)[0].clone();
    assert_eq!((&one["state"], &one["reason"]), (&json!("failed"), &json!("node_left")), "{one}");
}
