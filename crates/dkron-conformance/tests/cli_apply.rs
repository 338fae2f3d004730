//! Files against a real server: what a plan says, what becomes of it, and that a second time
//! nothing does.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;

use dkron_conformance::cli::Cli;
use dkron_conformance::server::{Server, binary};
use serde_json::{Value, json};

fn start() -> (Server, Cli) {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let cli = Cli::of(&server).unwrap();
    (server, cli)
}

const JOBS: &str = "\
# children may stand before their parents
name: after-backup
parent_job: backup
executor: shell
executor_config:
  command: echo cleaned
---
name: backup
schedule: '0 30 2 * * *'
timezone: Europe/Berlin
executor: shell
max_runtime: 90m
executor_config:
  command: echo saved
  shell: true
";

fn versions(server: &Server) -> Vec<(String, u64)> {
    let jobs = server.get("/v1/jobs").unwrap();
    let one =
        |job: &Value| (job["name"].as_str().unwrap().to_owned(), job["version"].as_u64().unwrap());
    jobs.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_folder_is_applied_changed_and_pruned() {
    let (server, cli) = start();
    let folder = cli.home().join("jobs");
    fs::create_dir_all(folder.join("more")).unwrap();
    fs::write(folder.join("backup.yaml"), JOBS).unwrap();
    let list = json!([{"name": "report", "schedule": "@every 1h", "executor": "noop"}]);
    fs::write(folder.join("more/report.json"), list.to_string()).unwrap();
    fs::write(folder.join("README.md"), "no job").unwrap();
    server.post("/v1/jobs", &json!({"name": "else", "schedule": "@hourly"})).unwrap();

    let base = ["-f", "jobs", "--owner", "ops", "--prune"];
    let with = |verb: &[&'static str]| -> Vec<&str> { [verb, &base[..]].concat() };
    let planned = cli.run(&with(&["plan", "--exit-code"])).unwrap();
    assert_eq!(planned.code, 7, "{planned:?}");
    let place = |text: &str| planned.out.find(text).unwrap_or_else(|| panic!("{planned:?}"));
    assert!(place("+ create backup") < place("+ create after-backup"));
    assert!(planned.out.contains("    next: "), "{planned:?}");
    assert!(planned.out.ends_with("Plan: 3 to create, 0 to update, 0 to delete, 0 unchanged\n"));
    cli.ok(&with(&["apply", "--dry-run"])).unwrap();
    assert_eq!(versions(&server).len(), 1, "a plan writes nothing");

    assert!(cli.ok(&with(&["apply"])).unwrap().ends_with("Done\n"));
    let first = versions(&server);
    assert_eq!(first.len(), 4);
    let again = cli.ok(&with(&["job", "apply"])).unwrap();
    assert_eq!(again, "Plan: 0 to create, 0 to update, 0 to delete, 3 unchanged\n");
    assert_eq!(cli.run(&with(&["diff", "--exit-code"])).unwrap().code, 0);
    assert_eq!(versions(&server), first, "the same again writes nothing");

    // Somebody switches a job off by hand; the files do not say what they want of that.
    cli.ok(&["job", "disable", "backup"]).unwrap();
    fs::write(folder.join("backup.yaml"), JOBS.replace("saved", "kept")).unwrap();
    let changed = cli.ok(&with(&["diff"])).unwrap();
    assert!(
        changed.contains(
            "~ update backup\n    executor_config.command: \"echo saved\" -> \"echo kept\"\n"
        ),
        "{changed}"
    );
    cli.ok(&with(&["apply"])).unwrap();
    let backup = server.get("/v1/jobs/backup").unwrap();
    assert_eq!(backup["executor_config"]["command"], "echo kept");
    assert_eq!(backup["disabled"], true);

    fs::remove_file(folder.join("backup.yaml")).unwrap();
    let pruned = cli.ok(&with(&["apply"])).unwrap();
    let (child, parent) = (pruned.find("- delete after-backup"), pruned.find("- delete backup"));
    assert!(child.is_some() && child < parent, "{pruned}");
    let names: Vec<String> = versions(&server).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["else", "report"], "a job without the mark stays");
}

#[test]
fn what_can_not_be_applied_says_where_and_why() {
    let (server, cli) = start();
    let refused = |text: &str| {
        let ran = cli.feed(&["apply", "-f", "-"], text.as_bytes()).unwrap();
        assert_ne!(ran.code, 0, "{ran:?}");
        ran.err
    };
    for (text, said) in [
        ("name: a\nschedule: nonsense\nexecutor: noop\n", "standard input: job \"a\": "),
        ("schedule: '@hourly'\n", "a job without a name"),
        ("name: a\n---\nname: a\n", "stands in standard input and in standard input"),
        ("{\"name\": ", "standard input"),
        ("", "the files have no jobs"),
        ("name: a\nparent_job: b\n---\nname: b\nparent_job: a\n", "each other's parents: a, b"),
    ] {
        assert!(refused(text).contains(said), "{text}: {}", refused(text));
    }
    let typo = "name: a\nschedule: '@hourly'\nexecuter: noop\nexecutor: noop\n";
    let ran = cli.feed(&["plan", "-f", "-", "-o", "json"], typo.as_bytes()).unwrap();
    assert!(ran.err.contains("\"executer\", is executor meant?"), "{ran:?}");
    let plan: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(plan["plan"][0]["action"], "create");
    assert_eq!(cli.run(&["apply", "-f", "-", "--prune"]).unwrap().code, 2, "prune whose?");
    assert_eq!(server.get("/v1/jobs").unwrap(), json!([]));

    // What one shows, the other takes: a job as it is written back is no change.
    cli.feed(&["apply", "-f", "-"], JOBS.as_bytes()).unwrap();
    let shown = cli.ok(&["job", "list", "-o", "yaml"]).unwrap();
    let same = cli.feed(&["apply", "-f", "-"], shown.as_bytes()).unwrap();
    assert!(same.out.ends_with("0 to update, 0 to delete, 2 unchanged\n"), "{same:?}");
}

#[test]
fn many_jobs_are_one_plan() {
    let (server, cli) = start();
    let job = |number: usize| json!({"name": format!("j{number:03}"), "schedule": "@manually"});
    let lines: String = (0..250).map(|number| format!("{}\n", job(number))).collect();
    fs::write(cli.home().join("many.ndjson"), &lines).unwrap();
    cli.ok(&["import", "file", "many.ndjson", "--yes"]).unwrap();
    let same = cli.ok(&["apply", "-f", "many.ndjson"]).unwrap();
    assert_eq!(same, "Plan: 0 to create, 0 to update, 0 to delete, 250 unchanged\n");
    let changed = lines.replacen("@manually", "@hourly", 1);
    let more = format!("{changed}{}\n", job(250));
    fs::write(cli.home().join("many.ndjson"), more).unwrap();
    let planned = cli.ok(&["apply", "-f", "many.ndjson"]).unwrap();
    assert!(planned.contains("Plan: 1 to create, 1 to update, 0 to delete, 249 unchanged\nDone"));
    assert_eq!(server.get("/v1/jobs/j000").unwrap()["schedule"], "@hourly");
}
