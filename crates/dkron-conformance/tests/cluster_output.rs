//! Outputs in a cluster: a large one is at a majority of the servers and can be read on all of
//! them, also when the leader is gone; what a run on an agent writes can be followed on any server.
//! Each job runs on every node, the agent `a1` among them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::http::{self, Request, Response};
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const LARGE: usize = 1_000_000;

fn start() -> Cluster {
    Cluster::start(&binary().unwrap(), 1).unwrap()
}

/// Creates a job and runs it once.
fn run(server: &Server, name: &str, command: &str) {
    let job = json!({"name": name, "schedule": "@every 100h", "executor": "shell",
        "executor_config": {"shell": "true", "command": command}, "output_limit": 4_000_000});
    server.post("/v1/jobs", &job).unwrap();
    server.post(&format!("/v1/jobs/{name}"), &json!({})).unwrap();
}

fn executions(server: &Server, name: &str) -> Vec<Value> {
    let list = server.get(&format!("/v1/jobs/{name}/executions")).unwrap_or_default();
    list.as_array().cloned().unwrap_or_default()
}

/// The path to the output of the agent's run.
fn of_agent(server: &Server, name: &str) -> String {
    let list = executions(server, name);
    let found = list.iter().find(|one| one["node_name"] == "a1").unwrap();
    format!("/v1/jobs/{name}/executions/{}/output", found["id"].as_str().unwrap())
}

fn until_ended(cluster: &Cluster, server: &Server, name: &str) {
    let ended = || {
        let list = executions(server, name);
        let done = list.iter().filter(|one| one["status"] == "success" || one["success"] == true);
        done.count() == 4
    };
    until("end of all runs", PATIENCE, ended)
        .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
}

fn get(server: &Server, path: &str) -> Response {
    http::send(&server.url, &Request::new("GET", path), PATIENCE).unwrap()
}

fn is_whole(response: &Response) -> bool {
    response.body.len() == LARGE && response.body.iter().all(|byte| *byte == b'x')
}

#[test]
fn a_large_output_is_read_on_every_server_and_outlives_the_leader() {
    let mut cluster = start();
    let server = &cluster.servers[0];
    run(server, "large", &format!("head -c {LARGE} /dev/zero | tr '\\0' x"));
    until_ended(&cluster, server, "large");
    let path = of_agent(server, "large");
    for server in &cluster.servers {
        assert!(is_whole(&get(server, &path)), "{}", cluster.logs());
        for one in executions(server, "large") {
            assert_eq!(one["output"].as_str().unwrap().len(), LARGE);
        }
    }
    let leader = cluster.led().unwrap();
    cluster.servers[leader].kill().unwrap();
    cluster.led().unwrap();
    for at in (0..3).filter(|at| *at != leader) {
        assert!(is_whole(&get(&cluster.servers[at], &path)), "{}", cluster.logs());
    }
    // It comes back with nothing, and gets it from the others.
    fs::remove_dir_all(cluster.servers[leader].dir.join("data")).unwrap();
    cluster.servers[leader].spawn_again().unwrap();
    cluster.wait_ready().unwrap();
    let wiped = &cluster.servers[leader];
    until("the output on the wiped server", PATIENCE, || is_whole(&get(wiped, &path)))
        .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
}

#[test]
fn a_run_on_an_agent_is_followed_on_any_server() {
    let mut cluster = start();
    let go = cluster.servers[0].dir.join("go");
    let shown = go.display();
    let command = format!("echo begun; while [ ! -e {shown} ]; do sleep 0.1; done; echo over");
    run(&cluster.servers[0], "watched", &command);
    let begun = |server: &Server| {
        let list = executions(server, "watched");
        list.iter().any(|one| one["node_name"] == "a1" && one["output"] == "begun\n")
    };
    for server in &cluster.servers {
        until("its first line", PATIENCE, || begun(server))
            .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
    }
    let path = of_agent(&cluster.servers[0], "watched");
    for server in &cluster.servers {
        let now = get(server, &path);
        assert_eq!((now.status, now.text().as_str()), (200, "begun\n"));
        assert_eq!(now.header("x-dkron-execution-state"), Some("running"));
    }
    let follow = |at: usize| {
        let (url, path) = (cluster.servers[at].url.clone(), format!("{path}?follow=true"));
        std::thread::spawn(move || http::send(&url, &Request::new("GET", &path), PATIENCE))
    };
    let leader = cluster.led().unwrap();
    let followers: Vec<_> = (0..3).filter(|at| *at != leader).map(follow).collect();
    // Whoever follows on another server does not notice that the leader goes.
    cluster.servers[leader].kill().unwrap();
    cluster.led().unwrap();
    fs::write(&go, "").unwrap();
    for follower in followers {
        let text = follower.join().unwrap().unwrap().text();
        assert_eq!(text, "begun\nover\n", "{}", cluster.logs());
    }
}
