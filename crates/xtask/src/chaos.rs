//! `chaos`: a debug build, since only that lets a test set clocks, and the program that breaks it.

use dkron_bench::Args;

use crate::cargo::{build_dkron, cargo, step};

/// The options are the program's own; it refuses what it does not know.
pub fn chaos(args: &Args) -> anyhow::Result<()> {
    let mut all = cargo(&["build", "--quiet", "--locked", "-p", "dkron-chaos"]);
    step("build dkron-chaos", &mut all)?;
    let bin = match args.text("bin") {
        Some(bin) => bin.into(),
        None => build_dkron(false)?,
    };
    let mut run = cargo(&["run", "--quiet", "--locked", "-p", "dkron-chaos", "--", "run"]);
    run.args(std::env::args_os().skip(2)).arg("--bin").arg(bin);
    step("chaos", &mut run)
}
