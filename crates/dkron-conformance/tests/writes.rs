//! What writes say and demand beyond Dkron's: the entry that carried them, and reads that wait for
//! it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::http::{Request, Response, send};
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
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

/// A write that demands something of the version of its job.
fn demand(server: &Server, (method, target): (&str, &str), header: (&str, &str)) -> Response {
    let mut request = Request::json(method, target, &job("a"));
    if matches!((method, target), ("DELETE", _) | (_, "/v1/jobs/a/toggle")) {
        request = Request::new(method, target);
    }
    request.headers.push((header.0.into(), header.1.into()));
    ask(server, &request)
}

#[test]
fn a_write_may_demand_the_version_of_its_job() {
    let server = alone();
    let tag = |answer: &Response| answer.header("etag").unwrap().to_owned();
    let (post, put) = (("POST", "/v1/jobs"), ("PUT", "/v1/jobs/a"));
    let (toggle, delete) = (("POST", "/v1/jobs/a/toggle"), ("DELETE", "/v1/jobs/a"));

    let missing = demand(&server, put, ("If-Match", "*"));
    assert_eq!(missing.status, 412);
    assert!(missing.text().contains("does not exist"), "{}", missing.text());
    let created = demand(&server, post, ("If-None-Match", "*"));
    assert_eq!((created.status, tag(&created).as_str()), (201, "\"v1\""));
    assert_eq!(demand(&server, post, ("If-None-Match", "*")).status, 412);

    // The same again is the same version; a read is never answered with 304.
    assert_eq!(tag(&demand(&server, put, ("If-Match", "\"v1\""))), "\"v1\"");
    let mut read = Request::new("GET", "/v1/jobs/a");
    read.headers.push(("If-None-Match".into(), "\"v1\"".into()));
    let read = ask(&server, &read);
    assert_eq!((read.status, tag(&read).as_str()), (200, "\"v1\""));

    let toggled = demand(&server, toggle, ("If-Match", "\"v7\", \"v1\""));
    assert_eq!((toggled.status, tag(&toggled).as_str()), (200, "\"v2\""));
    for what in [put, post, toggle, delete] {
        let refused = demand(&server, what, ("If-Match", "\"v1\""));
        assert_eq!(refused.status, 412, "{what:?}");
        assert!(refused.text().contains("the job is at version \"v2\""), "{}", refused.text());
        let weak = demand(&server, what, ("If-Match", "W/\"v2\""));
        assert_eq!(weak.status, 412, "{what:?}");
        let none = demand(&server, what, ("If-None-Match", "W/\"v2\""));
        assert_eq!(none.status, 412, "{what:?}");
        let wrong = demand(&server, what, ("If-Match", "v2"));
        assert_eq!(wrong.status, 400, "{what:?}");
        assert!(wrong.text().starts_with("if-match: it wants tags"), "{}", wrong.text());
    }
    assert_eq!(demand(&server, delete, ("If-Match", "\"v2\"")).status, 200);
    // Without the demand it would be this, so it is.
    assert_eq!(demand(&server, delete, ("If-Match", "\"v2\"")).status, 404);
}

fn patch(server: &Server, target: &str, body: &Value, more: &[(&str, &str)]) -> Response {
    let mut request = Request::json("PATCH", target, body);
    request.headers = vec![("Content-Type".into(), "application/merge-patch+json".into())];
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    request.headers.extend(more);
    ask(server, &request)
}

#[test]
fn a_merge_patch_changes_what_it_names() {
    let server = alone();
    let whole = json!({
        "name": "a", "schedule": "@every 1h", "executor": "shell", "owner": "ann",
        "retries": 2, "retry": {"delay": "5s", "node": "other"}, "tags": {"kind": "x", "dc": "y"},
        "executor_config": {"command": "true", "env": "A=1"}, "metadata": {"team": "red"},
        "concurrency": "queue", "queue_depth": 4, "starts_at": "2026-01-02T03:04:05Z",
    });
    let created = ask(&server, &Request::json("POST", "/v1/jobs", &whole));
    assert_eq!(created.status, 201, "{}", created.text());
    let before = created.json().unwrap();

    let change = json!({
        "OWNER": null, "schedule": "@every 2h", "tags": {"dc": null, "role": "z"},
        "retries": {"max": 5, "delay": null}, "executor_config": {"env": "A=2"},
        "metadata": null, "starts_at": null,
    });
    let got = patch(&server, "/v1/jobs/a", &change, &[("If-Match", "\"v1\"")]);
    assert_eq!((got.status, got.header("etag")), (200, Some("\"v2\"")), "{}", got.text());
    let after = get(&server, "/v1/jobs/a").json().unwrap();
    assert_eq!(got.json().unwrap(), after);
    let mut wanted = before;
    wanted["owner"] = json!("");
    wanted["schedule"] = json!("@every 2h");
    wanted["tags"] = json!({"kind": "x", "role": "z"});
    (wanted["retries"], wanted["retry"]) = (json!(5), json!({"node": "other"}));
    wanted["executor_config"]["env"] = json!("A=2");
    (wanted["metadata"], wanted["starts_at"]) = (Value::Null, Value::Null);
    (wanted["version"], wanted["next"]) = (json!(2), after["next"].clone());
    assert_eq!(after, wanted);

    // Nothing changes, so it is the same version; the name may stand in the body alone.
    let same = json!({"name": "a", "owner": ""});
    assert_eq!(patch(&server, "/v1/jobs", &same, &[]).header("etag"), Some("\"v2\""));
    for (target, body, more, status, said) in [
        ("/v1/jobs/a", json!({"owner": "b"}), Some("\"v1\""), 412, "at version \"v2\""),
        ("/v1/jobs/b", json!({"owner": "b"}), None, 404, ""),
        ("/v1/jobs", json!({"owner": "b"}), None, 400, "name: "),
        ("/v1/jobs/a", json!({"name": "b"}), None, 400, "can not be renamed"),
        ("/v1/jobs/a", json!([]), None, 400, "JSON object"),
        ("/v1/jobs/a", json!({"schedule": null}), None, 400, "can't parse job schedule"),
        ("/v1/jobs/a", json!({"retries": "x"}), None, 400, "Job.retries"),
    ] {
        let more: Vec<_> = more.iter().map(|tag| ("If-Match", *tag)).collect();
        let got = patch(&server, target, &body, &more);
        assert_eq!(got.status, status, "{target} {body}: {}", got.text());
        assert!(got.text().contains(said), "{target} {body}: {}", got.text());
    }
    assert_eq!(get(&server, "/v1/jobs/a").json().unwrap(), wanted);
}

/// Patches of different fields never undo each other.
#[test]
fn patches_at_the_same_time_all_stay() {
    let server = alone();
    create(&server, "a");
    let clients = (0..8).map(|client| {
        let url = server.url.clone();
        std::thread::spawn(move || {
            for round in 0..10 {
                let body = json!({"metadata": {format!("{client}-{round}"): "x"}});
                let mut request = Request::json("PATCH", "/v1/jobs/a", &body);
                request.headers[0].1 = "application/merge-patch+json".into();
                let got = send(&url, &request, PATIENCE).unwrap();
                assert_eq!(got.status, 200, "{}", got.text());
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    let job = get(&server, "/v1/jobs/a").json().unwrap();
    assert_eq!(job["metadata"].as_object().unwrap().len(), 80);
    assert_eq!(job["version"], 81);
}

/// Of many clients that read the same version one writes.
#[test]
fn of_those_that_demand_the_same_version_one_writes() {
    let server = alone();
    create(&server, "a");
    for round in 1..=10_u64 {
        let url = server.url.clone();
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let mut body = job("a");
                body["owner"] = json!(format!("{client} in {round}"));
                let mut request = Request::json("PUT", "/v1/jobs/a", &body);
                request.headers.push(("If-Match".into(), format!("\"v{round}\"")));
                let url = url.clone();
                std::thread::spawn(move || send(&url, &request, PATIENCE).unwrap().status)
            })
            .collect();
        let mut statuses: Vec<u16> = clients.into_iter().map(|it| it.join().unwrap()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 412, 412, 412, 412, 412, 412, 412], "round {round}");
    }
}

fn with_key(request: &Request, key: &str) -> Request {
    let mut request = request.clone();
    request.headers.push(("Idempotency-Key".into(), key.into()));
    request
}

/// Asked again as long as nothing can be done: a fresh cluster agrees on its version first, and an
/// election may be in the way.
fn keyed(server: &Server, request: &Request, key: &str) -> Response {
    let request = with_key(request, key);
    let mut answer = None;
    let asked = until("an answer but 503", PATIENCE, || {
        let got = send(&server.url, &request, PATIENCE).ok();
        answer = got.filter(|got| got.status != 503);
        answer.is_some()
    });
    asked.unwrap();
    answer.unwrap()
}

fn is_replayed(answer: &Response) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

fn runs(server: &Server, name: &str) -> usize {
    let target = format!("/v1/jobs/{name}/executions");
    get(server, &target).json().unwrap().as_array().unwrap().len()
}

#[test]
fn the_same_under_the_same_key_is_done_once() {
    let mut server = alone();
    let post = Request::json("POST", "/v1/jobs", &job("a"));
    let first = keyed(&server, &post, "create");
    assert_eq!((first.status, is_replayed(&first)), (201, false));
    let run = Request::new("POST", "/v1/jobs/a/run?wait=30s");
    let ran = keyed(&server, &run, "run");
    assert_eq!((ran.status, is_replayed(&ran)), (202, false));
    let toggle = Request::new("POST", "/v1/jobs/a/toggle");
    let toggled = keyed(&server, &toggle, "toggle");
    let clear = Request::new("DELETE", "/v1/jobs/b/executions");
    assert_eq!(keyed(&server, &clear, "clear").status, 404);

    for round in 0..3 {
        let again = keyed(&server, &run, "run");
        assert_eq!((again.status, is_replayed(&again)), (202, true), "{}", again.text());
        assert_eq!(again.header("x-dkron-group"), ran.header("x-dkron-group"));
        assert_eq!(again.header("x-dkron-ended"), Some("true"));
        assert_eq!(index(&again), index(&ran));
        assert_eq!(runs(&server, "a"), 1);
        let again = keyed(&server, &toggle, "toggle");
        assert!(is_replayed(&again));
        assert_eq!(again.json().unwrap()["version"], toggled.json().unwrap()["version"]);
        assert_eq!(get(&server, "/v1/jobs/a").json().unwrap()["disabled"], true);
        let other = keyed(&server, &Request::new("POST", "/v1/jobs/a/run"), "run");
        assert_eq!(other.status, 422, "{}", other.text());
        assert!(other.text().starts_with("Idempotency-Key: another request"), "{}", other.text());
        if round == 0 {
            server.stop();
        } else {
            server.kill().unwrap();
        }
        server.restart().unwrap();
    }
    // What was refused was not done, so it may succeed now.
    create(&server, "b");
    let cleared = keyed(&server, &clear, "clear");
    assert_eq!((cleared.status, is_replayed(&cleared)), (200, false));
    for key in ["", "ü", &"k".repeat(256)] {
        let got = ask(&server, &with_key(&run, key));
        assert_eq!(got.status, 400, "{key}: {}", got.text());
    }
}

/// Many at the same time are one run.
#[test]
fn a_key_under_way_is_waited_for() {
    let server = alone();
    create(&server, "a");
    keyed(&server, &Request::new("POST", "/v1/unpause"), "ready");
    let run = with_key(&Request::new("POST", "/v1/jobs/a/run"), "run");
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let (url, run) = (server.url.clone(), run.clone());
            std::thread::spawn(move || send(&url, &run, PATIENCE).unwrap())
        })
        .collect();
    let got: Vec<Response> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let groups: BTreeSet<_> = got.iter().map(|it| it.header("x-dkron-group").unwrap()).collect();
    assert_eq!(groups.len(), 1);
    assert_eq!(got.iter().filter(|it| !is_replayed(it)).count(), 1);
    assert_eq!(runs(&server, "a"), 1);
}

#[test]
fn a_key_holds_on_every_server_and_under_the_next_leader() {
    let mut cluster = Cluster::start(&binary().unwrap(), 0).unwrap();
    let leader = cluster.led().unwrap();
    let (one, other) = ((leader + 1) % 3, (leader + 2) % 3);
    create(&cluster.servers[one], "a");
    let run = Request::new("POST", "/v1/jobs/a/run?wait=30s");
    let ran = keyed(&cluster.servers[one], &run, "run");
    assert_eq!((ran.status, is_replayed(&ran)), (202, false), "{}", ran.text());
    let group = ran.header("x-dkron-group").unwrap().to_owned();
    assert!(is_replayed(&keyed(&cluster.servers[other], &run, "run")));

    cluster.servers[leader].kill().unwrap();
    for server in [one, other] {
        let again = keyed(&cluster.servers[server], &run, "run");
        assert_eq!((again.status, is_replayed(&again)), (202, true), "{}", again.text());
        assert_eq!(again.header("x-dkron-group"), Some(group.as_str()));
    }
    // No more executions than targets of one run: each of the three is one.
    assert_eq!(runs(&cluster.servers[one], "a"), 3);
}

fn by(request: &Request, user: &str) -> Request {
    let mut request = request.clone();
    request.headers.push(("X-Dkron-User".into(), user.into()));
    request
}

/// Versions and words of users are kept once the cluster knows of them.
fn ready(server: &Server) {
    let got = keyed(server, &Request::new("POST", "/v1/unpause"), "ready");
    assert_eq!(got.status, 200, "{}", got.text());
}

#[test]
fn versions_of_a_job_and_the_way_back() {
    let server = alone();
    ready(&server);
    let put = |body: &Value, user: &str| {
        let got = ask(&server, &by(&Request::json("PUT", "/v1/jobs/a", body), user));
        assert_eq!(got.status, 201, "{}", got.text());
    };
    let mut body = job("a");
    body["tags"] = json!({"role": "x"});
    put(&body, "ann");
    body["owner"] = json!("bob");
    (body["tags"], body["schedule"]) = (json!({"role": "y"}), json!("@every 1h"));
    put(&body, "bob");
    put(&body, "carl");
    assert_eq!(ask(&server, &Request::new("POST", "/v1/jobs/a/toggle")).status, 200);

    let versions = get(&server, "/v1/jobs/a/versions");
    assert_eq!(versions.header("x-total-count"), Some("3"));
    let shown: Vec<String> = versions
        .json()
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let (version, by, action) = (&it["version"], &it["by"], &it["action"]);
            assert_eq!(it["from"], "127.0.0.1");
            format!("{version} {by} {action} {} {}", it["changed"], it["present"])
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#"3 "" "toggle" ["disabled"] true"#,
            r#"2 "bob" "replace" ["owner","schedule","tags.role"] false"#,
            r#"1 "ann" "create" [] false"#,
        ]
    );
    let first = get(&server, "/v1/jobs/a/versions/1");
    assert_eq!((first.status, first.header("etag")), (200, Some("\"v1\"")));
    assert_eq!(first.json().unwrap()["schedule"], "@manually");
    let diff = get(&server, "/v1/jobs/a/versions/1/diff?to=2").json().unwrap();
    let change = json!({"path": "tags.role", "old": "x", "new": "y"});
    assert_eq!(diff["changes"][2], change, "{diff}");

    let back = Request::new("POST", "/v1/jobs/a/versions/1/rollback");
    let mut late = back.clone();
    late.headers.push(("If-Match".into(), "\"v2\"".into()));
    assert_eq!(ask(&server, &late).status, 412);
    let rolled = keyed(&server, &by(&back, "dora"), "back");
    assert_eq!((rolled.status, rolled.header("etag")), (200, Some("\"v4\"")), "{}", rolled.text());
    assert_eq!(rolled.json().unwrap()["tags"], json!({"role": "x"}));
    assert!(is_replayed(&keyed(&server, &by(&back, "dora"), "back")));
    for (target, status, said) in [
        ("/v1/jobs/a/versions/9", 404, "version 9 is not kept, 1 to 4 are"),
        ("/v1/jobs/a/versions/x", 400, "is no version"),
        ("/v1/jobs/a/versions/1/diff?to=y", 400, "to: "),
        ("/v1/jobs/b/versions", 404, ""),
    ] {
        let got = get(&server, target);
        assert_eq!(got.status, status, "{target}");
        assert!(got.text().contains(said), "{target}: {}", got.text());
    }
}

#[test]
fn a_deleted_job_comes_back_after_a_restart() {
    let mut server = alone();
    ready(&server);
    let mut body = job("a");
    body["tags"] = json!({"role": "y"});
    assert_eq!(ask(&server, &Request::json("PUT", "/v1/jobs/a", &body)).status, 201);
    body["tags"] = json!({"role": "x"});
    assert_eq!(ask(&server, &Request::json("PUT", "/v1/jobs/a", &body)).status, 201);
    let delete = Request::new("DELETE", "/v1/jobs/a");
    let deleted = keyed(&server, &by(&delete, "eve"), "delete");
    assert_eq!(deleted.status, 200);
    let undelete = Request::new("POST", "/v1/jobs/a/undelete");
    server.kill().unwrap();
    server.restart().unwrap();
    let again = keyed(&server, &by(&delete, "eve"), "delete");
    assert_eq!((again.status, is_replayed(&again)), (200, true), "{}", again.text());
    assert_eq!(again.json().unwrap()["tags"], json!({"role": "x"}));
    assert_eq!(get(&server, "/v1/jobs/a").status, 404);
    let gone = get(&server, "/v1/jobs/a/versions").json().unwrap();
    assert_eq!((gone.as_array().unwrap().len(), &gone[0]["present"]), (2, &json!(false)));
    let undeleted = keyed(&server, &undelete, "undelete");
    assert_eq!(undeleted.status, 201, "{}", undeleted.text());
    assert_eq!(undeleted.json().unwrap()["tags"], json!({"role": "x"}));
    assert!(is_replayed(&keyed(&server, &undelete, "undelete")));
    assert_eq!(ask(&server, &undelete).status, 409);
    assert_eq!(ask(&server, &Request::new("POST", "/v1/jobs/b/undelete")).status, 404);
}

#[test]
fn what_users_did_is_the_same_on_every_server() {
    let cluster = Cluster::start(&binary().unwrap(), 0).unwrap();
    let leader = cluster.led().unwrap();
    let (one, other) = (&cluster.servers[(leader + 1) % 3], &cluster.servers[leader]);
    ready(one);
    let since = index(&ask(one, &by(&Request::json("POST", "/v1/jobs", &job("a")), "ann")));
    for (method, target, user) in [
        ("POST", "/v1/jobs/a/run", "bob"),
        ("POST", "/v1/jobs/a/toggle", "ann"),
        ("POST", "/v1/jobs/nobody/toggle", "ann"),
        ("PUT", "/v1/nodes/n9/eligibility", "ops"),
        ("DELETE", "/v1/jobs/a", "ann"),
    ] {
        let mut request = by(&Request::new(method, target), user);
        if target.ends_with("eligibility") {
            request.body = Some(br#"{"eligible": false, "reason": "disks"}"#.to_vec());
        }
        ask(one, &request);
    }
    let list = |server: &Server, query: &str| {
        let got = get(server, &format!("/v1/activity?{query}"));
        assert_eq!(got.status, 200, "{}", got.text());
        got
    };
    let shown = |answer: &Response| -> Vec<String> {
        let word = |it: &Value| format!("{} {} {}", it["by"], it["action"], it["object"]);
        answer.json().unwrap().as_array().unwrap().iter().map(word).collect()
    };
    let all = list(other, "limit=5");
    assert_eq!(
        shown(&all),
        [
            r#""ann" "delete" "a""#,
            r#""ops" "drain" "n9""#,
            r#""ann" "toggle" "a""#,
            r#""bob" "run" "a""#,
            r#""ann" "create" "a""#,
        ]
    );
    let rows = all.json().unwrap();
    assert_eq!((&rows[4]["from"], &rows[4]["index"]), (&json!("127.0.0.1"), &json!(since)));
    assert_eq!((&rows[1]["detail"], &rows[4]["version"]), (&json!("disks"), &json!(1)));
    for server in &cluster.servers {
        assert_eq!(list(server, "limit=5").body, all.body);
    }
    let page = list(one, "limit=2");
    let cursor = page.header("x-dkron-next-cursor").unwrap();
    assert_eq!(shown(&list(one, &format!("limit=2&cursor={cursor}"))), shown(&all)[2..4]);
    assert_eq!(shown(&list(one, "job=a&by=bob")), [r#""bob" "run" "a""#]);
    assert_eq!(get(one, "/v1/activity?limit=0").status, 400);
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
