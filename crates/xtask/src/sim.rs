//! The simulator in release mode: seeds are cheap there. Its second rung is a test of `dkron-node`.

use crate::cargo::{cargo, metadata, step};
use dkron_bench::Args;

/// Seeds of the test command: some seconds.
pub const SMOKE: u64 = 1_000;
/// Seeds when nobody says how many: two minutes of two cores.
const SEEDS: u64 = 10_000;

/// The same of the second rung, whose worlds are dearer.
const SECOND: u64 = 1_000;

pub fn sim(args: &Args) -> anyhow::Result<()> {
    args.only(0, &["seeds", "from", "rung"])?;
    let from = args.number("from", 0)?;
    match args.number("rung", 1)? {
        1 => {
            build()?;
            seeds(args.number("seeds", SEEDS)?, from)
        }
        2 => second(args.number("seeds", SECOND)?, from),
        other => anyhow::bail!("there is no rung {other}: 1 or 2"),
    }
}

/// With the runtime's dice in hand, so that a seed is the same world each time; that needs a build
/// of its own, in a directory of its own.
fn second(count: u64, from: u64) -> anyhow::Result<()> {
    let target = metadata()?["target_directory"].as_str().map(|path| format!("{path}/rung2"));
    let target = target.ok_or_else(|| anyhow::anyhow!("cargo names no target directory"))?;
    let build = ["test", "--locked", "--release", "-p", "dkron-node", "--lib"];
    let filter = ["--", "--nocapture", "sim::tests::"];
    let mut run = cargo(&[&build[..], &filter[..]].concat());
    run.env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("RUSTFLAGS", "--cfg tokio_unstable")
        .env("DKRON_SIM_SEEDS", count.to_string())
        .env("DKRON_SIM_FROM", from.to_string());
    step(&format!("sim: {count} seeds of the second rung from {from}"), &mut run)
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
