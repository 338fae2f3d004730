//! Every example of `docs/cli`, and the README's lines for the command line, on a real server.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dkron_conformance::cli::Cli;
use dkron_conformance::console::{check, examples};
use dkron_conformance::server::{Server, binary};
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A page's examples follow each other on a server of their own.
fn page(name: &str) {
    let text = fs::read_to_string(root().join("docs/cli").join(name)).unwrap();
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let cli = Cli::of(&server).unwrap();
    let all = examples(&text);
    assert!(!all.is_empty(), "{name} has no examples");
    for example in all {
        let done = check(&example, |command| cli.prepare(command));
        done.unwrap_or_else(|err| panic!("docs/cli/{name}, {err:#}\n{}", server.log_tail()));
    }
}

#[test]
fn every_page_is_run() {
    let pages = fs::read_dir(root().join("docs/cli")).unwrap();
    let mut names: Vec<String> =
        pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        ["README.md", "apply.md", "backup.md", "executions.md", "import.md", "jobs.md"]
    );
}

#[test]
fn begin() {
    page("README.md");
}

#[test]
fn jobs() {
    page("jobs.md");
}

#[test]
fn executions() {
    page("executions.md");
}

#[test]
fn apply() {
    page("apply.md");
}

#[test]
fn backup() {
    page("backup.md");
}

#[test]
fn import() {
    page("import.md");
}

/// What stands in the README's section about the command line works as it is pasted, on a server
/// that has what `cargo xtask run` creates.
#[test]
fn the_readme_can_be_pasted() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("## From the command line").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let hello = json!({
        "name": "hello", "schedule": "*/10 * * * * *", "executor": "shell",
        "executor_config": {"shell": "true", "command": "echo hello at $(date)"},
    });
    server.post("/v1/jobs", &hello).unwrap();
    let cli = Cli::of(&server).unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-ec").arg(block).stdin(Stdio::null());
    cli.prepare(&mut shell);
    let output = shell.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}
