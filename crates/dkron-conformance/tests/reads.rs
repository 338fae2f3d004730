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
