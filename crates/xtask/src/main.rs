//! The chores of the house, one word each: `cargo xtask check|fix|test|run|sim|tidy|bench|dev|
//! chaos|api`.
//! Not needed to build or run the product.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod api;
mod bench;
mod cargo;
mod chaos;
mod check;
mod dev;
mod run;
mod sim;
mod test;
mod tidy;

use std::process::ExitCode;

use dkron_bench::Args;

const USAGE: &str = "\
usage: cargo xtask VERB

  run     build and start a single node on 127.0.0.1:8080, with a first job   [--http-addr H:P]
  test    all tests; prints the five slowest test programs
  check   format, lints, the core alone, tidy; changes nothing
  fix     format, and the lints that can mend themselves
  tidy    layers, licences, sizes and manners of the sources
  sim     the deterministic simulator                    [--rung 1|2] [--seeds N] [--from SEED]
  bench   load on a release build; `cargo xtask bench` lists its kinds
  dev     three servers and two agents on loopback in this terminal   [--keep] [--release]
  chaos   breaks a cluster on hosts of its own and judges it
          [--seed N] [--seconds N] [--only NAME] [--smoke] [--long] [--planted BUG]
  api     requests by the API's own description, by schemathesis           [--examples N]";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let verb = words.next().unwrap_or_default();
    let args = Args::new(words);
    let done = match verb.as_str() {
        "check" => check::check(&args),
        "fix" => check::fix(&args),
        "test" => test::test(&args),
        "run" => run::run(&args),
        run::GREET => run::greet(&args),
        "sim" => sim::sim(&args),
        "tidy" => tidy::tidy(&args),
        "bench" => bench::bench(&args),
        "chaos" => chaos::chaos(&args),
        "api" => api::api(&args),
        "dev" => dev::dev(&args),
        dev::KEEP => dev::keep(&args),
        "" | "help" | "-h" | "--help" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => Err(anyhow::anyhow!("no verb `{other}`\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask {verb}: {e:#}");
            ExitCode::FAILURE
        }
    }
}
