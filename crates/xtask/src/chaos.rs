//! `chaos`: a debug build, since only that lets a test set clocks, and the program that breaks it.

use std::path::Path;
use std::process::Command;

use dkron_bench::Args;

use crate::cargo::{build_dkron, cargo, step};

/// The options are the program's own; it refuses what it does not know.
pub fn chaos(args: &Args) -> anyhow::Result<()> {
    let bin = match args.text("bin") {
        Some(bin) => bin.into(),
        None => build_dkron(false)?,
    };
    build()?;
    let options: Vec<_> = std::env::args_os().skip(2).collect();
    step("chaos", run().args(options).arg("--bin").arg(bin))
}

pub fn build() -> anyhow::Result<()> {
    let mut build = cargo(&["build", "--quiet", "--locked", "-p", "dkron-chaos"]);
    step("build dkron-chaos", &mut build)
}

/// The short run of the test command; everything it needs is built.
pub fn smoke(bin: &Path) -> anyhow::Result<()> {
    step("chaos: smoke", run().args(["--smoke", "--bin"]).arg(bin))
}

fn run() -> Command {
    cargo(&["run", "--quiet", "--locked", "-p", "dkron-chaos", "--", "run"])
}
