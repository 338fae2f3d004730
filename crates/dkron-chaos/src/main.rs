//! `dkron-chaos check DIR` judges what a run left behind.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;

use dkron_bench::Args;
use dkron_chaos::case::Case;
use dkron_chaos::{check, report};

const USAGE: &str = "usage: dkron-chaos check DIR";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let verb = words.next().unwrap_or_default();
    let args = Args::new(words);
    let done = match verb.as_str() {
        "check" => judge(&args),
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
