//! The simulator in release mode: seeds are cheap there.

use crate::cargo::{cargo, metadata, step};
use dkron_bench::Args;

/// Seeds of the test command: some seconds.
pub const SMOKE: u64 = 1_000;
/// Seeds when nobody says how many: two minutes of two cores.
const SEEDS: u64 = 10_000;

pub fn sim(args: &Args) -> anyhow::Result<()> {
    args.only(0, &["seeds", "from"])?;
    build()?;
    seeds(args.number("seeds", SEEDS)?, args.number("from", 0)?)
}

/// Builds it, so that its seeds can be timed alone.
pub fn build() -> anyhow::Result<()> {
    anyhow::ensure!(has_binary()?, "dkron-sim has no binary");
    let args = ["build", "--locked", "--release", "-p", "dkron-sim"];
    step("build the simulator (release)", &mut cargo(&args))
}

pub fn seeds(count: u64, from: u64) -> anyhow::Result<()> {
    let (count, from) = (count.to_string(), from.to_string());
    let args = [
        "run",
        "--locked",
        "--release",
        "-p",
        "dkron-sim",
        "--",
        "--seeds",
        &count,
        "--from",
        &from,
    ];
    step(&format!("sim: {count} seeds from {from}"), &mut cargo(&args))
}

fn has_binary() -> anyhow::Result<bool> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let targets = packages
        .iter()
        .filter(|p| p["name"] == "dkron-sim")
        .flat_map(|p| p["targets"].as_array().cloned().unwrap_or_default());
    let mut kinds = targets.map(|t| t["kind"].clone());
    Ok(kinds.any(|kind| kind.as_array().is_some_and(|k| k.iter().any(|k| k == "bin"))))
}
