//! Commands for people against a real server: what they print, and the codes they end with.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use dkron_conformance::cli::Cli;
use dkron_conformance::server::{Server, binary};
use dkron_conformance::wait::until;
use serde_json::{Value, json};

fn start() -> (Server, Cli) {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let cli = Cli::of(&server).unwrap();
    (server, cli)
}

fn shell(name: &str, command: &str) -> Value {
    json!({
        "name": name, "schedule": "@every 1h", "executor": "shell",
        "executor_config": {"shell": "true", "command": command},
    })
}

#[test]
fn jobs_are_shown_switched_run_and_deleted() {
    let (server, cli) = start();
    for (name, command) in [("good", "echo hello; echo more"), ("bad", "echo no; exit 3")] {
        server.post("/v1/jobs", &shell(name, command)).unwrap();
    }
    let listed = cli.ok(&["job", "list"]).unwrap();
    let names: Vec<&str> =
        listed.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["Name", "bad", "good"], "{listed}");
    assert!(!listed.contains('\x1b'), "no colours in a pipe");
    let got: Value =
        serde_json::from_str(&cli.ok(&["job", "get", "good", "-o", "json"]).unwrap()).unwrap();
    assert_eq!(got["name"], "good");
    let yaml = cli.ok(&["job", "list", "goo", "-o", "yaml"]).unwrap();
    assert!(yaml.contains("name: good") && !yaml.contains("name: bad"), "{yaml}");

    let followed = cli.run(&["job", "run", "good", "--follow"]).unwrap();
    assert_eq!((followed.code, followed.out.as_str()), (0, "hello\nmore\n"), "{followed:?}");
    let failed = cli.run(&["job", "run", "bad", "--wait", "-o", "json"]).unwrap();
    assert_eq!(failed.code, 6, "{failed:?}");
    let ends: Value = serde_json::from_str(&failed.out).unwrap();
    assert_eq!(ends[0]["exit_code"], 3);
    assert_eq!(cli.ok(&["execution", "logs", "good"]).unwrap(), "hello\nmore\n");
    assert!(cli.ok(&["execution", "list", "bad"]).unwrap().contains("failed"));
    assert!(cli.ok(&["execution", "get", "bad"]).unwrap().contains("Exit code:  3"));

    assert_eq!(cli.ok(&["job", "disable", "good"]).unwrap(), "Job good is disabled\n");
    assert_eq!(cli.ok(&["job", "disable", "good"]).unwrap(), "Job good is so already\n");
    assert_eq!(cli.ok(&["job", "toggle", "good"]).unwrap(), "Job good is enabled\n");
    let next = cli.ok(&["job", "next", "good", "-n", "2"]).unwrap();
    assert_eq!(next.lines().filter(|line| line.starts_with("20")).count(), 2, "{next}");
    assert_eq!(cli.ok(&["job", "delete", "good", "bad"]).unwrap().lines().count(), 2);
    assert_eq!(cli.ok(&["job", "list"]).unwrap().lines().count(), 1);
}

#[test]
fn a_run_is_watched_through_its_retries_and_ended() {
    let (server, cli) = start();
    let mut job = shell("again", "echo attempt $DKRON_ATTEMPT; test $DKRON_ATTEMPT = 2");
    job["retries"] = json!(2);
    server.post("/v1/jobs", &job).unwrap();
    let followed = cli.run(&["job", "run", "again", "-f"]).unwrap();
    assert_eq!(followed.code, 0, "{followed:?}");
    // A failed run says so in a line of its own, before or behind what it wrote.
    let attempts: Vec<&str> =
        followed.out.lines().filter(|line| line.starts_with("attempt")).collect();
    assert_eq!(attempts, ["attempt 1", "attempt 2"], "{followed:?}");

    server.post("/v1/jobs", &shell("long", "echo begun; sleep 600")).unwrap();
    let late = cli.run(&["job", "run", "long", "--wait", "--timeout", "0s"]).unwrap();
    assert_eq!(late.code, 1, "{late:?}");
    assert!(late.err.contains("still runs"), "{late:?}");
    let late = cli.run(&["job", "run", "long", "--follow", "--timeout", "1s"]).unwrap();
    assert_eq!((late.code, late.out.as_str()), (1, "begun\n"), "{late:?}");
    assert!(late.err.contains("still runs"), "{late:?}");
    let said = cli.ok(&["job", "cancel", "long", "--reason", "enough"]).unwrap();
    assert!(said.starts_with("2 executions"), "{said}");
    let mut watch = cli.command();
    let watched = watch.args(["execution", "logs", "long", "-f"]).output().unwrap();
    let output = String::from_utf8_lossy(&watched.stdout);
    assert!(output.lines().any(|line| line == "begun"), "{output}");
    let shown = cli.ok(&["execution", "get", "long"]).unwrap();
    assert!(shown.contains("enough") && shown.contains("cli ann"), "{shown}");
}

#[test]
fn exit_codes_tell_scripts_what_happened() {
    let (server, cli) = start();
    server.post("/v1/jobs", &shell("parent", "true")).unwrap();
    let mut child = shell("child", "true");
    child["parent_job"] = json!("parent");
    child["schedule"] = json!("");
    server.post("/v1/jobs", &child).unwrap();
    let circle = "{\"name\":\"x\",\"parent_job\":\"y\"}\n{\"name\":\"y\",\"parent_job\":\"x\"}\n";
    std::fs::write(cli.home().join("circle.ndjson"), circle).unwrap();
    for (args, code, said) in [
        (&["job", "get", "nope"][..], 3, "there is no job \"nope\""),
        (&["job", "run", "nope"], 3, "there is no job \"nope\""),
        (&["execution", "logs", "nope"], 3, "there is no job \"nope\""),
        (&["execution", "logs", "parent"], 3, "job \"parent\" never ran"),
        (&["execution", "get", "parent", "7-x"], 3, "has no execution \"7-x\""),
        (&["job", "delete", "parent"], 4, "child"),
        (&["job", "list", "--url", "http://127.0.0.1:1"], 5, "http://127.0.0.1:1"),
        (&["job", "list", "--url", "nonsense"], 2, "nonsense"),
        (&["job", "list", "--context", "c"], 3, "there is no context \"c\""),
        (&["job", "nope"], 2, "nope"),
        (&["job", "run", "parent", "-e", "x"], 2, "KEY=VALUE"),
        (&["agent", "--nope"], 1, "--nope"),
        (&["job", "list", "--sort", "colour"], 1, "colour"),
        (&["import", "file", "circle.ndjson"], 1, "among its own parents"),
    ] {
        let ran = cli.run(args).unwrap();
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.err.contains(said), "{args:?}: {ran:?}");
    }
    assert_eq!(
        cli.ok(&["job", "next", "child"]).unwrap(),
        "It runs each time parent has succeeded\n"
    );
}

#[test]
fn contexts_name_servers() {
    let (server, cli) = start();
    assert_eq!(cli.ok(&["context", "list"]).unwrap(), "Name  URL  In use\n");
    let said = cli.ok(&["context", "set", "here", "--url", &server.url]).unwrap();
    assert_eq!(said, format!("Context here is {}\n", server.url));
    cli.ok(&["context", "set", "away", "--url", "http://127.0.0.1:1"]).unwrap();
    let code = |args: &[&str]| {
        // Without the variable, which is stronger than the context in use.
        cli.command().args(args).env_remove("DKRON_URL").output().unwrap().status.code().unwrap()
    };
    assert_eq!(code(&["job", "list"]), 0, "the first one is in use");
    cli.ok(&["context", "use", "away"]).unwrap();
    assert_eq!(code(&["job", "list"]), 5);
    assert_eq!(code(&["job", "list", "--context", "here"]), 0);
    cli.ok(&["context", "delete", "away"]).unwrap();
    assert_eq!(cli.run(&["context", "use", "away"]).unwrap().code, 3);
}

#[test]
fn shells_and_readers_are_told_about_every_command() {
    let (_server, cli) = start();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let text = cli.ok(&["completion", shell]).unwrap();
        assert!(text.contains("execution") && text.contains("follow"), "{shell}");
    }
    assert_eq!(cli.run(&["completion", "tcl"]).unwrap().code, 2);
    cli.ok(&["doc", "--dir", "pages"]).unwrap();
    cli.ok(&["doc", "--man", "--dir", "pages"]).unwrap();
    let page = |name: &str| std::fs::read_to_string(cli.home().join("pages").join(name)).unwrap();
    assert!(page("dkron_job.md").contains("* [dkron job run](dkron_job_run.md) – Run a job now"));
    assert!(page("dkron_job_run.md").contains("dkron job run [OPTIONS] <JOB>"));
    assert!(page("dkron_agent.md").contains("--bootstrap-expect"));
    assert!(page("dkron-job-run.1").contains("follow"));
    assert!(!cli.home().join("pages/dkron_runner.md").exists(), "nobody calls it by hand");
}

#[test]
fn parameters_hold_for_one_run() {
    let (server, cli) = start();
    let mut job = shell("greet", "echo $GREETING");
    job["executor_config"]["env"] = json!("GREETING=hello");
    server.post("/v1/jobs", &job).unwrap();
    // A new cluster knows them once all of its nodes have said that they do.
    let mut ran = None;
    until("a run with parameters", Duration::from_secs(60), || {
        let tried = cli.run(&["job", "run", "greet", "-f", "--env", "GREETING=moin"]).unwrap();
        let done = !tried.err.contains("the cluster is at version");
        ran = Some(tried);
        done
    })
    .unwrap();
    let ran = ran.unwrap();
    assert_eq!((ran.code, ran.out.as_str()), (0, "moin\n"), "{ran:?}");
    let own = cli.run(&["job", "run", "greet", "-f"]).unwrap();
    assert_eq!(own.out, "hello\n", "{own:?}");
}
