//! Leaders die, hand over and stand still while jobs run: one schedules at a time, results arrive
//! once, jobs that forbid overlap go on and never beside themselves, and replicas stay equal.
//! Bears T-03, T-04, T-06, T-07, T-10, T-11, T-21, T-25 and T-41.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod slots;

use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::http::{self, Request};
use dkron_conformance::instant;
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};
use slots::{Seen, Slots, far_end};

const JOBS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);

fn goes_on(seen: &Seen, cluster: &Cluster) {
    let before = seen.count();
    let waited = until("calls", PATIENCE, || seen.count() >= before + 2 * JOBS);
    waited.unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
}

fn list(server: &Server, path: &str) -> Vec<Value> {
    server.get(path).unwrap_or_default().as_array().cloned().unwrap_or_default()
}

/// The sum over all servers of the gauge that says who schedules.
fn schedulers(cluster: &Cluster) -> f64 {
    let of = |server: &Server| {
        let asked = http::send(&server.url, &Request::new("GET", "/metrics"), PATIENCE);
        let text = asked.map(|answer| answer.text()).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix("dkron_scheduler_active "));
        value.and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
    };
    cluster.servers.iter().map(of).sum()
}

#[test]
fn one_schedules_at_a_time_however_often_the_lead_changes() {
    let (seen, sink) = far_end();
    let cluster = Cluster::start_with(&binary().unwrap(), 0, &["--enable-prometheus"]).unwrap();
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    goes_on(&seen, &cluster);
    let one = || until("one that schedules", PATIENCE, || schedulers(&cluster) == 1.0).unwrap();
    for round in 0..10 {
        one();
        let leader = cluster.led().unwrap();
        cluster.servers[round % 3].post("/v1/operator/transfer", &json!({})).unwrap();
        until("another leader", PATIENCE, || cluster.led().unwrap() != leader).unwrap();
    }
    one();
    goes_on(&seen, &cluster);
    assert_eq!(seen.doubled(), []);
    cluster.servers.iter().for_each(|server| slots.are_whole(&server.url));
}

#[test]
fn a_run_goes_on_while_leaders_die_and_holds_its_slot() {
    let mut cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    let job = json!({"name": "alone", "schedule": "* * * * * *", "executor": "shell",
        "executor_config": {"command": "sleep 3"}, "concurrency": "forbid",
        "tags": {"kind": "agent:1"}});
    cluster.servers[0].post("/v1/jobs", &job).unwrap();
    let of = |server: &Server, what: &str| list(server, &format!("/v1/jobs/alone/{what}"));
    let has_ended = |one: &Value| one["state"] != "running" && one["state"] != "pending";
    let ended = |server: &Server| of(server, "executions").into_iter().filter(has_ended).count();
    for _ in 0..3 {
        let leader = cluster.led().unwrap();
        let (going, before) = (&cluster.servers[leader], ended(&cluster.servers[leader]));
        let runs = || of(going, "executions").iter().any(|one| one["state"] == "running");
        until("a run", PATIENCE, runs).unwrap();
        cluster.servers[leader].kill().unwrap();
        let next = &cluster.servers[(leader + 1) % 3];
        until("ends under the next leader", PATIENCE, || ended(next) >= before + 2)
            .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
        cluster.servers[leader].spawn_again().unwrap();
        cluster.wait_ready().unwrap();
    }
    let server = &cluster.servers[cluster.led().unwrap()];
    let runs: Vec<Value> = of(server, "executions").into_iter().filter(has_ended).collect();
    let at = |one: &Value, key: &str| instant::parse(one[key].as_str().unwrap()).unwrap();
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for run in &runs {
        assert_eq!(run["success"], true, "{run}\n{}", cluster.logs());
        spans.push((at(run, "started_at"), at(run, "finished_at")));
    }
    spans.sort_unstable();
    let apart = spans.windows(2).all(|two| two[0].1 <= two[1].0);
    assert!(apart, "{spans:?}");
    // What was in the way is named.
    let ids: Vec<&str> = runs.iter().filter_map(|run| run["id"].as_str()).collect();
    let skipped = of(server, "skipped");
    let names = |one: &Value| ids.iter().any(|id| one["detail"].to_string().contains(id));
    assert!(skipped.iter().any(names), "{skipped:?}\n{ids:?}");
}

#[test]
fn a_server_that_stands_still_stops_no_job_that_forbids_overlap() {
    let mut cluster = Cluster::start(&binary().unwrap(), 1).unwrap();
    // A run on the node that stands still would hold its slot, rightly.
    let job = json!({"name": "alone", "schedule": "@every 1s", "executor": "noop",
        "concurrency": "forbid", "tags": {"kind": "agent:1"}});
    cluster.servers[0].post("/v1/jobs", &job).unwrap();
    // First a follower, then the leader.
    for step in [1, 0] {
        let still = (cluster.led().unwrap() + step) % 3;
        let asked = (0..3).find(|server| *server != still).unwrap();
        cluster.servers[still].signal("STOP").unwrap();
        let ran = || {
            let runs = list(&cluster.servers[asked], "/v1/jobs/alone/executions");
            runs.iter().filter(|one| one["success"] == true).count()
        };
        let before = ran();
        until("five more runs", PATIENCE, || ran() >= before + 5).unwrap();
        cluster.servers[still].signal("CONT").unwrap();
        cluster.wait_ready().unwrap();
    }
}

#[test]
fn results_that_come_while_servers_restart_are_each_there_once() {
    const RUNS: usize = 60;
    let mut cluster = Cluster::start(&binary().unwrap(), 2).unwrap();
    let create = |no: usize| {
        let command = format!("sleep {}.{}; echo {no}", no % 6, no % 10);
        let job = json!({"name": format!("once-{no}"), "schedule": "@every 24h",
            "executor": "shell", "executor_config": {"shell": "true", "command": command},
            "tags": {"kind": "agent:1"}});
        let server = &cluster.servers[no % 3];
        // Where nobody leads for a while nothing was done, and it may be asked again.
        let done = |path: &str, body: &Value| match server.post(path, body) {
            Ok(_) => true,
            Err(err) => {
                assert!(err.to_string().contains("no leader"), "{err:#}");
                false
            }
        };
        until("a job", PATIENCE, || done("/v1/jobs", &job)).unwrap();
        let path = format!("/v1/jobs/once-{no}");
        until("a run", PATIENCE, || done(&path, &json!({}))).unwrap();
    };
    (0..RUNS).for_each(create);
    for server in 0..3 {
        cluster.servers[server].stop();
        cluster.servers[server].spawn_again().unwrap();
        cluster.wait_ready().unwrap();
    }
    let server = &cluster.servers[0];
    let done = || {
        let jobs = list(server, "/v1/jobs?_end=200");
        jobs.iter().filter(|job| job["success_count"] == 1).count() == RUNS
    };
    until("every result", PATIENCE, done)
        .unwrap_or_else(|err| panic!("{err:#}\n{}", cluster.logs()));
    for no in 0..RUNS {
        let runs = list(server, &format!("/v1/jobs/once-{no}/executions"));
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(runs[0]["output"], format!("{no}\n"), "{runs:?}");
    }
}

/// What each server says of its state after one entry that is still to come.
fn hashes(cluster: &Cluster) -> Vec<Value> {
    let present = cluster.servers[0].get("/v1/operator/state").unwrap_or_default();
    let path = format!("/v1/operator/state?index={}", present["index"].as_u64().unwrap_or(0) + 5);
    let ask = |server: &Server| server.get(&path).unwrap_or_default();
    std::thread::scope(|scope| {
        let asked: Vec<_> =
            cluster.servers.iter().map(|server| scope.spawn(|| ask(server))).collect();
        asked.into_iter().map(|answer| answer.join().unwrap()).collect()
    })
}

#[test]
fn servers_in_other_zones_agree_on_what_is_next() {
    let (seen, sink) = far_end();
    let mut cluster = Cluster::start(&binary().unwrap(), 0).unwrap();
    let slots = Slots::create(&cluster.servers[0].url, &sink.url, JOBS);
    for (server, zone) in ["Asia/Kolkata", "America/New_York", "Pacific/Chatham"].iter().enumerate()
    {
        cluster.servers[server].stop();
        cluster.servers[server].set_env(&[("TZ", zone)]);
        cluster.servers[server].spawn_again().unwrap();
        cluster.wait_ready().unwrap();
    }
    for (name, zone) in [("berlin", json!("Europe/Berlin")), ("none", Value::Null)] {
        let job = json!({"name": name, "schedule": "0 30 4 * * *", "timezone": zone,
            "executor": "noop"});
        cluster.servers[1].post("/v1/jobs", &job).unwrap();
    }
    let next = |cluster: &Cluster| -> Vec<Vec<Value>> {
        let of = |server: &Server| {
            let one = |name| server.get(&format!("/v1/jobs/{name}")).unwrap()["next"].clone();
            ["berlin", "none"].map(one).to_vec()
        };
        cluster.servers.iter().map(of).collect()
    };
    let before = next(&cluster);
    assert!(before.iter().all(|one| *one == before[0]), "{before:?}");
    cluster.servers[0].post("/v1/operator/transfer", &json!({})).unwrap();
    goes_on(&seen, &cluster);
    assert_eq!(next(&cluster), before);
    let mut found = Vec::new();
    let equal = || {
        found = hashes(&cluster);
        found[0]["hash"].is_string() && found.iter().all(|one| *one == found[0])
    };
    until("one hash", PATIENCE, equal).unwrap_or_else(|err| panic!("{err:#}: {found:?}"));
    slots.are_whole(&cluster.servers[2].url);
}
