//! `dkron-chaos run` breaks a cluster and judges it, `dkron-chaos check DIR` judges what a run
//! left behind, `dkron-chaos trial` tries the tools. The other verbs are how it starts itself in
//! namespaces.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;

use dkron_bench::Args;
use dkron_chaos::case::Case;
use dkron_chaos::{check, outer, report, run, trial, world};

const USAGE: &str = "\
usage: dkron-chaos run [options]      breaks a cluster of its own and judges what it did
       dkron-chaos check DIR          judges what a run left behind
       dkron-chaos trial              tries hosts, links and names without the product

  --bin PATH        the product, a debug build           [dkron beside this program]
  --dir DIR         where everything of the run lies     [chaos/PID in the build folder]
  --seed N          another sequence of faults           [1]
  --seconds N       how long jobs are due                [120]
  --smoke           18 seconds of it, with quick faults
  --long            half an hour
  --only NAME       one kind of fault, or none
  --servers N --agents N                                 [3 and 2]
  --planted [BUG]   spoils the outcome; then the verdict must be bad
                    double-start, lost-line, lost-record or miscount
  --keep            also the data directories";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let verb = words.next().unwrap_or_default();
    let args = Args::new(words);
    let done = match verb.as_str() {
        "check" => judge(&args),
        "run" | "trial" => match outer::run(&verb, &args) {
            Ok(None) => Ok(true),
            Ok(Some(code)) => return ExitCode::from(u8::try_from(code).unwrap_or(2)),
            Err(e) => Err(e),
        },
        "inside-run" => run::run(&args),
        "inside-trial" => run::trial(&args),
        "dial" => trial::dial(args.words.first().map_or("", String::as_str)).map(|()| true),
        "init" => world::init::serve().map(|()| true),
        "" | "help" | "-h" | "--help" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => Err(anyhow::anyhow!("{USAGE}")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("dkron-chaos {verb}: {e:#}");
            ExitCode::from(2)
        }
    }
}

fn judge(args: &Args) -> anyhow::Result<bool> {
    args.only(1, &[])?;
    let dir = args.words.first().map(Path::new).ok_or_else(|| anyhow::anyhow!("{USAGE}"))?;
    let case = Case::read(dir)?;
    let verdict = check::check(&case);
    report::write(dir, &case, &verdict)?;
    println!("{}", report::text(&case, &verdict));
    Ok(verdict.is_good())
}
