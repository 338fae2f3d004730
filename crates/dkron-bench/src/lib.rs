//! Load on any server that speaks Dkron's API, open loop: what was due is counted, not what came
//! back. Each figure stands beside the machine's own limit, measured in the same run. Every kind
//! is bounded in time, and reaches nothing but the server and a sink on loopback.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod api;
mod args;
mod figures;
mod kinds;
mod limits;
mod process;
mod sink;
mod target;

use rustix::process::{Resource, getrlimit, setrlimit};

pub use api::now;
pub use args::Args;
use figures::Report;

pub const USAGE: &str = "\
usage: bench KIND [--url http://HOST:PORT [--pid PID] | --bin DKRON [--servers 1|3 [--agents N]]] [--json FILE]

  scheduled  [--rate 1000] [--seconds 30] [--executor http|shell|noop] [--stored 0] [--warm 0]
             jobs of every second; beside so many idle jobs; after so many seconds of history
  shell      [--rate 500] [--seconds 30]         the same, starting processes
  noop       [--rate 10000] [--seconds 30]       the same, the scheduler alone
  instant    [--jobs 5000]                       all due at one instant
  run        [--runs 5000]                       runs by hand over 16 connections
  list       [--jobs 100000] [--idle 20] [--history 0]
             create, page, idle, restart; with so many rows of history
  lists      [--jobs 100000] [--rate 500]
             pages by every sort, searches, the whole list, beside so many runs a second
  kill       [--rounds 10] [--rate 500]          kill -9 under load, account
  failover   [--rounds 10] [--stops 20] [--rate 200]
             three servers: kill -9 and planned stops of the leader, account
  takeover   [--rounds 10] [--runs 100]          kill -9 while processes run, account
  cancel     [--runs 1000]                       cancel processes, look for what is left
  output     [--jobs 10] [--megabytes 100]       much output from several runs at once
  agents     [--agents 200] [--rate 1000] [--seconds 30]
             noop runs on many agents of one process, under one leader
  overload   [--rate 40000] [--seconds 20]       more than the server can hold, then recovery
  limits                                         the machine alone
  all        [--json FILE]                       each of them, one table

Without --url the binary at --bin is started in a folder of its own, which is removed afterwards.";

/// Names of options, for whoever checks them before.
pub const OPTIONS: &[&str] = &[
    "url",
    "pid",
    "bin",
    "servers",
    "agents",
    "json",
    "rate",
    "seconds",
    "executor",
    "stored",
    "warm",
    "jobs",
    "idle",
    "history",
    "rounds",
    "stops",
    "runs",
    "megabytes",
];

/// Runs one kind and prints its table. An error = it could not be measured, or something was
/// missed or came twice.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.only(1, OPTIONS)?;
    raise_files();
    let kind = args.words.first().map_or("", String::as_str);
    anyhow::ensure!(kind == "all" || kinds::is_known(kind), "{USAGE}");
    let reports = match kind {
        "all" => kinds::all(args)?,
        kind => vec![kinds::run(kind, args)?],
    };
    if let Some(path) = args.text("json") {
        let lines: String = reports.iter().map(|report| format!("{}\n", report.json())).collect();
        std::fs::write(path, lines)?;
    }
    if kind == "all" {
        println!("\n{}", figures::summary(&reports));
    }
    let problems: Vec<&str> = reports.iter().flat_map(Report::problems).collect();
    anyhow::ensure!(problems.is_empty(), "{}", problems.join("; "));
    Ok(())
}

/// The sink holds a connection for each run under way; shells often allow only 1,024 files.
fn raise_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(e) = setrlimit(Resource::Nofile, limit) {
        eprintln!("the limit of open files stays as it is: {e}");
    }
}
