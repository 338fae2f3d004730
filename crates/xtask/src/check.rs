//! `check` looks and never writes; `fix` mends what a tool can mend.

use crate::cargo::{cargo, need_compiler, step};
use crate::tidy;
use dkron_bench::Args;

pub fn check(args: &Args) -> anyhow::Result<()> {
    args.only(0, &[])?;
    need_compiler()?;
    let lints = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let results = [
        step("format", &mut cargo(&["fmt", "--all", "--check"])),
        step("lints", &mut cargo(&lints)),
        // Features unite across a workspace: only alone does the core show that it needs no std.
        step("core alone", &mut cargo(&["build", "--locked", "-p", "dkron-core", "--lib"])),
        tidy::tidy(args),
    ];
    let problems: Vec<String> =
        results.into_iter().filter_map(|r| Some(format!("{:#}", r.err()?))).collect();
    anyhow::ensure!(problems.is_empty(), "{}", problems.join("; "));
    println!("check: all is well");
    Ok(())
}

pub fn fix(args: &Args) -> anyhow::Result<()> {
    args.only(0, &[])?;
    let lints =
        ["clippy", "--fix", "--allow-dirty", "--allow-staged", "--workspace", "--all-targets"];
    step("lints", &mut cargo(&lints))?;
    step("format", &mut cargo(&["fmt", "--all"]))
}
