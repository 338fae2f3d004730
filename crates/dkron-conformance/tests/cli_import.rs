//! Jobs that come from elsewhere: a live server with counters, a table of the system, documents.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use dkron_conformance::cli::Cli;
use dkron_conformance::server::{Server, binary};
use serde_json::{Value, json};

fn start() -> (Server, Cli) {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let cli = Cli::of(&server).unwrap();
    (server, cli)
}

#[test]
fn a_live_server_gives_its_jobs_and_their_counters() {
    let (old, _) = start();
    let (new, cli) = start();
    let parent = json!({
        "name": "parent", "schedule": "@daily", "timezone": "Asia/Tokyo", "executor": "noop",
        "success_count": 41, "error_count": 2, "last_success": "2026-01-01T00:00:00Z",
    });
    // The child's name comes first.
    let child = json!({"name": "child", "parent_job": "parent", "executor": "kafka"});
    old.post("/v1/jobs", &parent).unwrap();
    old.post("/v1/jobs", &child).unwrap();
    let list = serde_json::to_vec(&json!([parent])).unwrap();
    let form = [
        &b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"[..],
        &list,
        b"\r\n--b--\r\n",
    ];
    let mut request = dkron_conformance::http::Request::new("POST", "/v1/restore");
    request.headers = vec![("Content-Type".into(), "multipart/form-data; boundary=b".into())];
    request.body = Some(form.concat());
    old.ask(&request).unwrap();

    let args = ["import", "dkron", "--from", &old.url];
    let ran = cli.run(&args).unwrap();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("Plan: 2 to create") && ran.out.ends_with("Done\n"), "{ran:?}");
    for said in
        ["parent: the zone Asia/Tokyo does not count", "child: no node has executor \"kafka\""]
    {
        assert!(ran.err.contains(said), "{ran:?}");
    }
    let got = new.get("/v1/jobs/parent").unwrap();
    assert_eq!((&got["success_count"], &got["error_count"]), (&json!(41), &json!(2)));
    assert_eq!(got["dependent_jobs"], json!(["child"]));
    let again = cli.ok(&args).unwrap();
    assert_eq!(again, "Plan: 0 to create, 0 to update, 0 to delete, 2 unchanged\n");
    assert_eq!(cli.run(&["import", "dkron", "--from", "http://127.0.0.1:1"]).unwrap().code, 5);
}

#[test]
fn an_imported_table_runs() {
    let (_server, cli) = start();
    let table =
        b"SHELL=/bin/bash\nNAME='A, B'\n* 4 * * * root read line; echo \"$line $NAME $0\"%hello\n";
    let args = ["import", "crontab", "-", "--system", "--prefix", "Host 1"];
    let ran = cli.feed(&args, table).unwrap();
    assert_eq!(ran.code, 0, "{ran:?}");
    let jobs: Value =
        serde_json::from_str(&cli.ok(&["job", "list", "-o", "json"]).unwrap()).unwrap();
    let name = jobs[0]["name"].as_str().unwrap();
    assert!(name.starts_with("host-1-read-"), "{name}");
    let followed = cli.run(&["job", "run", name, "-f"]).unwrap();
    assert_eq!(followed.out, "hello A, B /bin/bash\n", "{followed:?}");
    assert!(cli.feed(&args, table).unwrap().out.contains("0 to update, 0 to delete, 1 unchanged"));
}

#[test]
fn files_are_what_apply_takes() {
    let (_server, cli) = start();
    let documents = "kind: List\nitems:\n- kind: CronJob\n  metadata: {name: a.b}\n  spec:\n    \
                     schedule: '*/5 * * * *'\n    jobTemplate: {spec: {template: {spec: \
                     {containers: [{command: [echo, 'a  b']}]}}}}\n";
    let written =
        cli.feed(&["import", "kubernetes", "-", "-o", "yaml"], documents.as_bytes()).unwrap();
    assert_eq!(written.code, 0, "{written:?}");
    cli.feed(&["apply", "-f", "-"], written.out.as_bytes()).unwrap();
    let followed = cli.run(&["job", "run", "a-b", "-f"]).unwrap();
    assert_eq!(followed.out, "a  b\n", "{followed:?}");
    let again = cli.feed(&["import", "kubernetes", "-"], documents.as_bytes()).unwrap();
    assert!(again.out.contains("1 unchanged"), "{again:?}");
}
