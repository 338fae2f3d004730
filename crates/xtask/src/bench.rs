//! `bench`: load on a release build. Load and sink share the machine with the server, so the load
//! tool is optimised too.

use std::os::unix::process::CommandExt as _;

use dkron_bench::{Args, OPTIONS, USAGE};

use crate::cargo::{build_dkron, cargo, step};

pub fn bench(args: &Args) -> anyhow::Result<()> {
    args.only(1, OPTIONS)?;
    anyhow::ensure!(!args.words.is_empty(), "{USAGE}");
    let mut load = cargo(&["run", "--quiet", "--locked", "--release", "-p", "dkron-bench", "--"]);
    load.args(std::env::args_os().skip(2));
    if args.text("url").is_none() && args.text("bin").is_none() {
        load.arg("--bin").arg(build_dkron(true)?);
        if matches!(args.words[0].as_str(), "agents" | "all") {
            let build = ["build", "--locked", "--release", "-p", "dkron", "--example", "agents"];
            step("build many agents", &mut cargo(&build))?;
        }
    }
    Err(load.exec().into())
}
