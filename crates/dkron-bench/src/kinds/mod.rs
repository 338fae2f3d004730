//! What can be measured; one file each.

mod agents;
mod cancel;
mod failover;
mod instant;
mod kill;
mod list;
mod lists;
mod output;
mod overload;
mod run_now;
mod scheduled;
mod stories;
mod takeover;

use crate::args::Args;
use crate::figures::Report;
use crate::limits;

/// A kind, and with which options `all` runs it.
const KINDS: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("scheduled", &["--rate", "4000", "--seconds", "60"]),
    ("noop", &["--rate", "15000", "--seconds", "60"]),
    ("shell", &["--rate", "1000", "--seconds", "30"]),
    ("instant", &["--jobs", "5000"]),
    ("run", &["--runs", "5000"]),
    ("list", &["--jobs", "100000"]),
    ("lists", &["--jobs", "100000"]),
    ("kill", &["--rounds", "10", "--rate", "500"]),
    ("failover", &["--rounds", "10", "--stops", "20", "--rate", "200"]),
    ("takeover", &["--rounds", "10", "--runs", "100"]),
    ("cancel", &["--runs", "1000"]),
    ("output", &["--jobs", "10", "--megabytes", "100"]),
    ("agents", &["--agents", "200", "--rate", "1000"]),
    ("overload", &["--rate", "40000", "--seconds", "20"]),
];

pub fn is_known(kind: &str) -> bool {
    KINDS.iter().any(|(name, _)| *name == kind)
}

/// Runs a kind and shows its table.
pub fn run(kind: &str, args: &Args) -> anyhow::Result<Report> {
    let report = match kind {
        "scheduled" => scheduled::run(args, args.text("executor").unwrap_or("http"), 1_000)?,
        "shell" => scheduled::run(args, "shell", 500)?,
        "noop" => scheduled::run(args, "noop", 10_000)?,
        "instant" => instant::run(args)?,
        "run" => run_now::run(args)?,
        "list" => list::run(args)?,
        "lists" => lists::run(args)?,
        "kill" => kill::run(args)?,
        "failover" => failover::run(args)?,
        "takeover" => takeover::run(args)?,
        "cancel" => cancel::run(args)?,
        "output" => output::run(args)?,
        "agents" => agents::run(args)?,
        "overload" => overload::run(args)?,
        "limits" => limits::report(),
        other => anyhow::bail!("no kind `{other}`"),
    };
    println!("{report}");
    Ok(report)
}

/// Every kind after the other, each on a server of its own unless an address was given. One that
/// can not be measured is told of and does not end the others.
pub fn all(args: &Args) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for (kind, options) in KINDS {
        let given = ["url", "pid", "bin"];
        let given = given.iter().filter_map(|name| Some(format!("--{name}={}", args.text(name)?)));
        let words = std::iter::once((*kind).to_owned());
        let own = words.chain(options.iter().map(|word| (*word).to_owned())).chain(given);
        match run(kind, &Args::new(own)) {
            Ok(report) => reports.push(report),
            Err(e) => {
                let mut failed = Report::new(*kind);
                failed.problem_if(true, format!("{kind}: {e:#}"));
                println!("{kind}: {e:#}");
                reports.push(failed);
            }
        }
    }
    Ok(reports)
}
