//! Calling cargo and the other programs, with their names and times said aloud.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The repository, from where this crate stands in it.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("this crate lies two folders below the repository")
}

/// A cargo command in the repository, as the cargo that started us.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Runs a command to its end and says how long it took.
pub fn step(title: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("== {title}");
    let begun = Instant::now();
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    println!("== {title}: {:.1} s", begun.elapsed().as_secs_f64());
    if !status.success() {
        bail!("{title} failed");
    }
    Ok(())
}

pub fn metadata() -> anyhow::Result<Value> {
    let mut command = cargo(&["metadata", "--format-version", "1", "--locked"]);
    let output = command.output().context("starting cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("the answer of cargo metadata")
}

/// Builds the product and says where the binary is.
pub fn build_dkron(release: bool) -> anyhow::Result<PathBuf> {
    need_compiler()?;
    let mut args = vec!["build", "--locked", "-p", "dkron", "--bin", "dkron"];
    if release {
        args.push("--release");
    }
    let title = format!("build dkron ({})", if release { "release" } else { "dev" });
    step(&title, &mut cargo(&args))?;
    let target = metadata()?;
    let target = target["target_directory"].as_str().context("no target directory")?;
    let path = Path::new(target).join(if release { "release" } else { "debug" }).join("dkron");
    anyhow::ensure!(path.is_file(), "cargo built no {path:?}");
    Ok(path)
}

/// Some dependencies bring C sources; cargo's own message about a missing compiler is long.
pub fn need_compiler() -> anyhow::Result<()> {
    let named = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let found = Command::new(&named).arg("--version").output().is_ok_and(|o| o.status.success());
    anyhow::ensure!(
        found,
        "no C compiler `{}`: install one (Debian: apt-get install build-essential)",
        named.to_string_lossy()
    );
    Ok(())
}
