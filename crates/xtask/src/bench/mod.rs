//! Load on a real server, open loop: what was due is counted, not what came back. Each figure
//! stands beside the machine's own limit, measured in the same run. Every kind is bounded in time.

mod api;
mod figures;
mod instant;
mod kill;
mod limits;
mod list;
mod process;
mod scheduled;
mod sink;
mod target;

use std::os::unix::process::CommandExt as _;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::args::Args;
use crate::cargo::cargo;

const USAGE: &str = "\
usage: cargo xtask bench KIND [--url http://HOST:PORT [--pid PID] | --bin DKRON]

  scheduled  [--rate 1000] [--seconds 30] [--executor http|shell]   jobs of every second
  shell      [--rate 500] [--seconds 30]                            the same, starting processes
  instant    [--jobs 5000]                                          all due at one instant
  list       [--jobs 100000] [--idle 20]                            create, page, idle, restart
  kill       [--rounds 10] [--rate 500]                             kill -9 under load, account
  limits                                                            the machine alone

Without --url a release build, or the binary at --bin, is started in a folder of its own, which
is removed afterwards.";

pub fn bench(args: &Args) -> anyhow::Result<()> {
    args.only(1, &["url", "pid", "bin", "rate", "seconds", "executor", "jobs", "idle", "rounds"])?;
    // Load and sink share the machine with the server: unoptimised they would take its time.
    if cfg!(debug_assertions) && !args.words.is_empty() {
        let mut again = cargo(&["run", "--quiet", "--locked", "--release", "-p", "xtask", "--"]);
        return Err(again.args(std::env::args_os().skip(1)).exec().into());
    }
    raise_files();
    let report = match args.words.first().map_or("", String::as_str) {
        "scheduled" => scheduled::run(args, args.text("executor").unwrap_or("http"), 1_000)?,
        "shell" => scheduled::run(args, "shell", 500)?,
        "instant" => instant::run(args)?,
        "list" => list::run(args)?,
        "kill" => kill::run(args)?,
        "limits" => limits::report(),
        _ => anyhow::bail!("{USAGE}"),
    };
    println!("{report}");
    anyhow::ensure!(report.problems.is_empty(), "{}", report.problems.join("; "));
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
