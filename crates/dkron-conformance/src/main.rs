//! `dkron-conformance --url http://127.0.0.1:8080 [--only REGEX] [--dir DIR] [--jobs N]`:
//! the recorded cases against any server that speaks Dkron's REST API.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use anyhow::Context as _;
use dkron_conformance::{Options, run};

const USAGE: &str =
    "usage: dkron-conformance [--url http://HOST:PORT] [--only REGEX] [--dir DIR] [--jobs N]";

fn options() -> anyhow::Result<Options> {
    let mut options = Options::new("http://127.0.0.1:8080");
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let mut value = || args.next().with_context(|| format!("{name} needs a value\n{USAGE}"));
        match name.as_str() {
            "--url" => options.url = value()?,
            "--only" => options.only = value()?,
            "--dir" => options.dir = value()?.into(),
            "--jobs" => options.jobs = value()?.parse().context("--jobs is not a number")?,
            _ => anyhow::bail!("unknown argument `{name}`\n{USAGE}"),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(report) => {
            println!("{report}");
            ExitCode::from(u8::from(report.failed > 0))
        }
        Err(e) => {
            eprintln!("{e:#}");
            ExitCode::from(2)
        }
    }
}
