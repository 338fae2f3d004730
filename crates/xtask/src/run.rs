//! `run`: from a clone to a first job. Builds, then *becomes* `dkron agent --dev`, so that signals
//! and the exit code are the server's own; a short-lived second process greets it once it is up.

use std::net::TcpListener;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use dkron_conformance::http::{self, Request};
use serde_json::json;

use crate::cargo::build_dkron;
use dkron_bench::Args;

/// The hidden verb of the second process.
pub const GREET: &str = "greet";

const ADDRESS: &str = "127.0.0.1:8080";
const UP: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

pub fn run(args: &Args) -> anyhow::Result<()> {
    args.only(0, &["http-addr"])?;
    let address = args.text("http-addr").unwrap_or(ADDRESS);
    // Before the build, which takes minutes the first time.
    if let Err(e) = TcpListener::bind(address) {
        bail!(
            "{address} cannot be used ({e}): stop what listens there, or choose another port with \
             `cargo xtask run --http-addr 127.0.0.1:8081`"
        );
    }
    let bin = build_dkron(true)?;
    let own = std::env::current_exe().context("no path to this program")?;
    let greeting = Command::new(own).args([GREET, "--http-addr", address]).spawn();
    greeting.context("starting the greeting")?;
    println!("== dkron agent --dev --http-addr {address} (Ctrl-C ends it)");
    let mut agent = Command::new(&bin);
    agent.args(["agent", "--dev", "--http-addr", address]);
    Err(agent.exec()).with_context(|| format!("starting {bin:?}"))
}

/// Waits for the server that our parent became, gives it a first job, says what to do next.
pub fn greet(args: &Args) -> anyhow::Result<()> {
    let address = args.text("http-addr").unwrap_or(ADDRESS);
    let url = format!("http://{address}");
    let parent = parent_id();
    let begun = Instant::now();
    while !answers(&url, "/v1/leader") {
        // The server said itself why it ended.
        if parent_id() != parent {
            return Ok(());
        }
        if begun.elapsed() > UP {
            bail!("no server at {url} after {} s", UP.as_secs());
        }
        std::thread::sleep(POLL);
    }
    if !answers(&url, "/v1/jobs/hello") {
        let job = json!({
            "name": "hello",
            "schedule": "*/10 * * * * *",
            "executor": "shell",
            "executor_config": {"shell": "true", "command": "echo hello at $(date)"},
        });
        let created = http::send(&url, &Request::json("POST", "/v1/jobs", &job), ANSWER)
            .context("creating the job `hello`")?;
        if created.status != 201 {
            bail!("creating the job `hello`: {} {}", created.status, created.text());
        }
    }
    println!("{}", next(&url));
    Ok(())
}

fn answers(url: &str, path: &str) -> bool {
    let got = http::send(url, &Request::new("GET", path), ANSWER);
    got.is_ok_and(|response| response.status == 200)
}

fn next(url: &str) -> String {
    format!(
        r#"
Dkron is up at {url}; its job `hello` runs every ten seconds. In another terminal:

  curl -s '{url}/v1/jobs/hello?pretty'               # the job, its next run, its counters
  curl -s '{url}/v1/jobs/hello/executions?pretty'    # its history
  curl -s -X POST {url}/v1/jobs/hello/run            # run it now

  # a job of your own, every two seconds
  curl -s {url}/v1/jobs -d '{{"name": "mine", "schedule": "*/2 * * * * *",
    "executor": "shell", "executor_config": {{"command": "date"}}}}'
  curl -s '{url}/v1/jobs/mine/executions?pretty'
  curl -s -X DELETE {url}/v1/jobs/mine               # and away with it

--dev keeps nothing. A node that does:
  dkron agent --server --bootstrap-expect=1 --data-dir DIR
"#
    )
}
