//! A run by hand in another way than the definition says, on the real binary.

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

fn executions(server: &Server) -> Vec<Value> {
    let got = ask(server, "GET", "/v1/jobs/j/executions?_order=ASC", None);
    got.json().unwrap().as_array().unwrap().clone()
}

#[test]
fn parameters_belong_to_the_run_and_its_attempts() {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let command = r#"cat; echo "$A $B"; exit $CODE"#;
    let job = json!({"name": "j", "schedule": "@manually", "executor": "shell", "retries": 1,
        "retry": {"delay": "10ms"},
        "executor_config": {"shell": "true", "command": command, "env": "A=1,CODE=0"}});
    assert_eq!(ask(&server, "POST", "/v1/jobs", Some(&job)).status, 201);
    // A new cluster takes parameters once its nodes have said that they know them.
    let body = json!({"env": {"B": "two, words", "CODE": 3}, "payload": "hi ", "reason": "test"});
    until("a run", PATIENCE, || {
        let got = ask(&server, "POST", "/v1/jobs/j/run", Some(&body));
        let text = got.text();
        let early = got.status == 503 || text.starts_with("the cluster is at version");
        assert!(early || got.status == 202, "{text}");
        !early
    })
    .unwrap();
    let over = |many: usize| {
        let all = executions(&server);
        all.len() == many && all.iter().all(|one| one["state"] != "running")
    };
    until("both attempts", PATIENCE, || over(2)).unwrap();
    for one in executions(&server) {
        assert_eq!(one["output"], "exit status 3\nhi 1 two, words\n", "{one}");
        assert_eq!((&one["state"], &one["exit_code"]), (&json!("failed"), &json!(3)));
        let shown = &one["parameters"];
        assert_eq!(
            (&shown["reason"], &shown["config"]["payload"]),
            (&json!("test"), &json!("aGkg"))
        );
    }
    // The definition is what it was, and so is a run without parameters.
    let path = "/v1/jobs/j/run?wait=30s";
    assert_eq!(ask(&server, "POST", path, None).status, 202);
    let all = executions(&server);
    assert_eq!((&all[2]["output"], &all[2]["parameters"]), (&json!("1 \n"), &Value::Null));
    let large = json!({"config": {"x": "y".repeat(70_000)}});
    for (body, said) in [
        (json!({"nodes": ["nobody"]}), "nodes: no member has the name nobody"),
        (json!({"env": 5}), "env: it wants an object"),
        (json!({"wait": 5}), "a run has no parameter"),
        (large, "parameters of "),
    ] {
        let got = ask(&server, "POST", path, Some(&body));
        assert_eq!((got.status, got.text().starts_with(said)), (400, true), "{}", got.text());
    }
}
