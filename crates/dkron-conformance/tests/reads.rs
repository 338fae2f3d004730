//! The real binary is asked about many jobs at once.

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

/// The answer to a question that makes no sense.
fn refused(server: &Server, path: &str) -> String {
    let got = ask(server, "GET", path, None);
    assert_eq!(got.status, 400, "{path}: {}", got.text());
    got.text()
}

fn server() -> Server {
    Server::start(&binary().unwrap(), &["--dev"]).unwrap()
}

fn create(server: &Server, job: &Value) {
    let got = ask(server, "POST", "/v1/jobs", Some(job));
    assert_eq!(got.status, 201, "{}", got.text());
}

/// A job that a hand starts, with a shell command.
fn create_shell(server: &Server, name: &str, command: &str) {
    create(
        server,
        &json!({"name": name, "schedule": "@manually", "executor": "shell",
            "executor_config": {"shell": "true", "command": command}}),
    );
}

/// One that finds no session yet is asked for again.
fn run(server: &Server, name: &str) {
    let path = format!("/v1/jobs/{name}/run");
    let taken = || ask(server, "POST", &path, None).status == 202;
    until("room for a run", PATIENCE, taken).unwrap();
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|each| each[key].as_str().unwrap()).collect()
}

#[test]
fn executions_across_jobs() {
    let server = server();
    create_shell(&server, "etl-good", "printf 0123456789");
    create_shell(&server, "etl-bad", "exit 3");
    create_shell(&server, "web", "true");
    let file = server.dir.join("go");
    create_shell(
        &server,
        "slow",
        &format!("while [ ! -e {} ]; do sleep 0.05; done", file.display()),
    );
    let ended = |wanted| {
        let states = "state=success&state=failed";
        until("all to end", PATIENCE, || {
            get(&server, &format!("/v1/executions?{states}")).as_array().unwrap().len() == wanted
        })
        .unwrap();
    };
    for (many, name) in (1..).zip(["etl-good", "etl-bad", "web"]) {
        run(&server, name);
        ended(many);
    }
    run(&server, "slow");
    let goes_on = || get(&server, "/v1/executions?state=running").as_array().unwrap().len() == 1;
    until("the slow one to begin", PATIENCE, goes_on).unwrap();

    let all = get(&server, "/v1/executions");
    assert_eq!(texts(&all, "job_name"), ["slow", "web", "etl-bad", "etl-good"]);
    assert_eq!(all[0]["finished_at"], "0001-01-01T00:00:00Z");
    assert_eq!((&all[3]["output_length"], &all[3]["output_truncated"]), (&json!(10), &json!(true)));
    assert_eq!(all[3].get("output"), None);
    let tail = get(&server, "/v1/executions?job=etl-good&output_size_limit=3");
    assert_eq!((&tail[0]["output"], &tail[0]["output_truncated"]), (&json!("789"), &json!(true)));

    let named = |query: &str| {
        let list = get(&server, &format!("/v1/executions?{query}"));
        texts(&list, "job_name").join(" ")
    };
    assert_eq!(named("job=etl-"), "etl-bad etl-good");
    assert_eq!(named("state=failed"), "etl-bad");
    assert_eq!(named("job=etl-&state=success&state=running"), "etl-good");
    assert_eq!(named("node=nobody"), "");
    let node = all[0]["node_name"].as_str().unwrap();
    assert_eq!(named(&format!("node={node}&limit=1")), "slow");
    assert_eq!(named("to=2001-01-01T00:00:00Z"), "");
    assert_eq!(named("from=2001-01-01T00:00:00Z&job=web"), "web");

    // The walk goes on where it was, although one ends and another one begins meanwhile.
    let mut seen = Vec::new();
    let mut path = "/v1/executions?limit=1".to_owned();
    loop {
        let page = ask(&server, "GET", &path, None);
        let list = page.json().unwrap();
        seen.extend(texts(&list, "job_name").into_iter().map(str::to_owned));
        if seen.len() == 1 {
            std::fs::write(&file, "").unwrap();
            ended(4);
            run(&server, "web");
            ended(5);
        }
        let Some(cursor) = page.header("x-dkron-next-cursor") else { break };
        path = format!("/v1/executions?limit=1&cursor={cursor}");
    }
    assert_eq!(seen, ["slow", "web", "etl-bad", "etl-good"]);
    assert_eq!(named("limit=2"), "web slow");

    for query in ["state=good", "limit=0", "from=now", "cursor=7"] {
        let field = query.split('=').next().unwrap();
        assert!(refused(&server, &format!("/v1/executions?{query}")).starts_with(field));
    }
}

#[test]
fn jobs_are_chosen() {
    let server = server();
    let job = |name: &str, metadata: Value, executor: &str| {
        create(
            &server,
            &json!({"name": name, "schedule": "@manually", "executor": executor,
                "executor_config": {"command": "true", "method": "GET", "url": "http://127.0.0.1:1"},
                "metadata": metadata}),
        );
    };
    job("a1", json!({"team": "infra", "env": "prod", "tier": "a"}), "shell");
    job("a2", json!({"team": "infra", "env": "dev", "tier": "b"}), "shell");
    job("b1", json!({"team": "web", "tier": "b"}), "http");
    job("b2", json!({}), "noop");
    create(&server, &json!({"name": "b3", "parent_job": "a1", "executor": "noop"}));
    let named = |query: &str| {
        let got = ask(&server, "GET", &format!("/v1/jobs?{query}"), None);
        let list = got.json().unwrap();
        let names = texts(&list, "name").join(" ");
        assert_eq!(
            got.header("x-total-count").unwrap().parse(),
            Ok(list.as_array().unwrap().len())
        );
        names
    };
    for (query, wanted) in [
        ("selector=", "a1 a2 b1 b2 b3"),
        ("selector=team=infra,env!=dev", "a1"),
        ("selector=tier+in+(a,b),team", "a1 a2 b1"),
        ("selector=!team", "b2 b3"),
        ("selector=tier+notin+(b)&prefix=b", "b2 b3"),
        ("prefix=a", "a1 a2"),
        ("prefix=a&_sort=schedule&_order=DESC", "a2 a1"),
        ("executor=http", "b1"),
        ("has_parent=true", "b3"),
        ("has_parent=false&selector=team=web", "b1"),
        ("metadata[team]=infra&selector=tier=b", "a2"),
        ("nonsense=1&prefix=b1", "b1"),
    ] {
        assert_eq!(named(query), wanted, "{query}");
    }
    assert!(refused(&server, "/v1/jobs?selector=a,,b").contains("(column 3)"));
    assert!(refused(&server, "/v1/jobs?has_parent=maybe").starts_with("has_parent"));
}

#[test]
fn a_preview_says_what_a_schedule_means() {
    let server = server();
    let asked = "/v1/schedule/preview?schedule=30+2+*+*+MON-SUN&timezone=Europe/Berlin&n=2";
    let got = get(&server, &format!("{asked}&after=2026-10-24T12:00:00Z"));
    assert_eq!(got["words"], "at 02:30 every day");
    let local = &got["local"];
    assert_eq!(texts(local, "at"), ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]);
    assert!(texts(local, "dst").iter().all(|said| said.starts_with("this time comes twice")));
    let got = get(&server, &format!("{asked}&after=2026-03-28T12:00:00Z"));
    assert_eq!(got["skipped"][0]["wall"], "2026-03-29T02:30:00");
}

#[test]
fn why_a_job_did_or_did_not_run() {
    let server = server();
    let shell = |name: &str, schedule: &str, command: &str, more: Value| {
        let mut job = json!({"name": name, "schedule": schedule, "executor": "shell",
            "executor_config": {"command": command}});
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        create(&server, &job);
    };
    let why = |name: &str, at: &str| get(&server, &format!("/v1/jobs/{name}/why?at={at}"));
    let word = |name: &str, at: &str| why(name, at)["verdict"].as_str().unwrap().to_owned();
    shell("good", "@every 1s", "true", json!({}));
    shell("bad", "@every 1s", "false", json!({}));
    shell("slow", "@every 1s", "sleep 30", json!({"concurrency": "forbid"}));
    shell("daily", "0 30 2 * * *", "true", json!({"expires_at": "2035-01-01T00:00:00Z"}));
    let ended = |name: &str| {
        let path = format!("/v1/executions?job={name}&state=success&state=failed");
        until("an end", PATIENCE, || !get(&server, &path).as_array().unwrap().is_empty()).unwrap();
        get(&server, &path)[0].clone()
    };
    for (name, verdict) in [("good", "ran"), ("bad", "failed")] {
        let execution = ended(name);
        let got = why(name, execution["scheduled_at"].as_str().unwrap());
        assert_eq!((&got["verdict"], &got["slot"]), (&json!(verdict), &execution["scheduled_at"]));
        assert_eq!(got["executions"], json!([execution["id"]]));
    }
    let skipped = || get(&server, "/v1/jobs/slow/skipped")[0]["last_scheduled_at"].clone();
    until("an overlap", PATIENCE, || skipped().is_string()).unwrap();
    let got = why("slow", skipped().as_str().unwrap());
    assert_eq!(
        (&got["verdict"], &got["skipped"]["reason"]),
        (&json!("skipped"), &json!("overlap"))
    );
    let running = get(&server, "/v1/executions?job=slow")[0]["scheduled_at"].clone();
    assert_eq!(word("slow", running.as_str().unwrap()), "running");

    let got = why("daily", "2030-03-10T12:00:00Z");
    assert_eq!(got["verdict"], "not_a_slot");
    assert_eq!(
        (&got["before"], &got["after"]),
        (&json!("2030-03-10T02:30:00Z"), &json!("2030-03-11T02:30:00Z"))
    );
    assert_eq!(word("daily", "2030-03-10T02:30:00Z"), "not_yet");
    assert_eq!(word("daily", "2020-03-10T02:30:00Z"), "before_account");
    assert_eq!(word("daily", "2040-03-10T02:30:00Z"), "after_expires_at");
    assert_eq!(ask(&server, "POST", "/v1/jobs/daily/toggle", None).status, 200);
    assert_eq!(word("daily", "2030-03-10T02:30:00Z"), "disabled");
    // What goes on would be waited for at the end.
    for path in ["/v1/jobs/slow/toggle", "/v1/jobs/slow/cancel"] {
        assert!(ask(&server, "POST", path, None).status < 300, "{path}");
    }
    assert!(refused(&server, "/v1/jobs/daily/why").starts_with("at: "));
    assert_eq!(ask(&server, "GET", "/v1/jobs/none/why?at=2030-03-10T02:30:00Z", None).status, 404);
}

#[test]
fn what_is_due_soon() {
    let server = server();
    let noop = |name: &str, schedule: &str| {
        create(&server, &json!({"name": name, "schedule": schedule, "executor": "noop"}));
    };
    noop("a", "0 0 * * * *");
    noop("b", "0 0 * * * *");
    noop("never", "@manually");
    noop("off", "0 0 * * * *");
    assert_eq!(ask(&server, "POST", "/v1/jobs/off/toggle", None).status, 200);
    let got = get(&server, "/v1/upcoming?window=24h&buckets=24&limit=3");
    assert_eq!(
        (&got["total"], &got["jobs"], &got["truncated"]),
        (&json!(48), &json!(2), &json!(false))
    );
    let buckets = got["buckets"].as_array().unwrap();
    assert!(buckets.len() == 24 && buckets.iter().all(|bucket| bucket["count"] == 2), "{got}");
    assert_eq!(texts(&got["next"], "job"), ["a", "b", "a"]);
    let times = texts(&got["next"], "at");
    assert!(times[0] == times[1] && times[1] < times[2] && times[0].ends_with(":00:00Z"));
    noop("often", "@every 1s");
    let got = get(&server, "/v1/upcoming?window=168h&buckets=1");
    let total = got["total"].as_u64().unwrap();
    assert!((604_799 + 336..=604_800 + 336).contains(&total), "{total}");
    for query in ["window=169h", "buckets=0", "limit=1001"] {
        let field = query.split('=').next().unwrap();
        assert!(refused(&server, &format!("/v1/upcoming?{query}")).starts_with(field));
    }
}

#[test]
fn a_long_list_is_whole() {
    const JOBS: usize = 1_700;
    let server = server();
    let jobs: Vec<Value> = (0..JOBS)
        .map(|no| {
            json!({"name": format!("j{no:04}"), "schedule": "@manually", "executor": "noop",
                "owner": format!("<{}>", no % 3)})
        })
        .collect();
    let file = serde_json::to_string(&jobs).unwrap();
    let head = "Content-Disposition: form-data; name=\"file\"; filename=\"f\"";
    let body = format!("--b\r\n{head}\r\n\r\n{file}\r\n--b--\r\n");
    let mut request = Request::new("POST", "/v1/restore");
    request.headers.push(("Content-Type".into(), "multipart/form-data; boundary=b".into()));
    request.body = Some(body.into_bytes());
    assert_eq!(http::send(&server.url, &request, PATIENCE).unwrap().status, 200);
    let whole = |query: &str| {
        let got = ask(&server, "GET", &format!("/v1/jobs?{query}"), None);
        assert_eq!(got.header("x-total-count"), Some("1700"));
        assert_eq!(got.header("content-type"), Some("application/json; charset=utf-8"));
        got.text()
    };
    let one = ask(&server, "GET", "/v1/jobs/j0000", None).text();
    let compact = whole("");
    assert!(compact.starts_with(&format!("[{one},{{")) && compact.ends_with("}]"), "{one}");
    let list: Value = serde_json::from_str(&compact).unwrap();
    let names: Vec<String> = (0..JOBS).map(|no| format!("j{no:04}")).collect();
    assert_eq!(texts(&list, "name"), names);
    let pretty = whole("pretty");
    assert!(
        pretty.starts_with("[\n    {\n        \"id\": \"j0000\",")
            && pretty.ends_with("\n    }\n]")
    );
    assert_eq!(pretty.matches("\n    },\n    {\n").count(), JOBS - 1);
    assert_eq!(serde_json::from_str::<Value>(&pretty).unwrap(), list);
    let by_owner: Value = serde_json::from_str(&whole("_sort=owner&_order=DESC")).unwrap();
    let owners = texts(&by_owner, "owner");
    assert!(owners.is_sorted_by(|a, b| a >= b) && owners.len() == JOBS);
}
