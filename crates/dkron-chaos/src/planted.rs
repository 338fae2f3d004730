//! Bugs that are planted into what a run left behind, to show that the verdict is red then.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::case::{self, Case};
use crate::check;

pub const BUGS: [&str; 4] = ["double-start", "lost-line", "lost-record", "miscount"];

/// Plants each bug into a copy of what a run left: a verdict that is good must also be able to be
/// bad. Names the bugs that were not found.
pub fn misses(dir: &Path) -> anyhow::Result<Vec<&'static str>> {
    let mut missed = Vec::new();
    for bug in BUGS {
        let copy = dir.join("planted").join(bug);
        copy_case(dir, &copy)?;
        let rule = plant(&copy, bug)?;
        if check::check(&Case::read(&copy)?).count(rule) == 0 {
            missed.push(bug);
        }
    }
    fs::remove_dir_all(dir.join("planted"))?;
    Ok(missed)
}

/// The files that the checker reads.
fn copy_case(from: &Path, to: &Path) -> anyhow::Result<()> {
    for folder in ["", "lines", "history"] {
        let (from, to) = (from.join(folder), to.join(folder));
        fs::create_dir_all(&to).with_context(|| format!("creating {to:?}"))?;
        for entry in fs::read_dir(&from).with_context(|| format!("reading {from:?}"))? {
            let path = entry?.path();
            if let Some(name) = path.file_name().filter(|_| path.is_file()) {
                fs::copy(&path, to.join(name)).with_context(|| format!("copying {path:?}"))?;
            }
        }
    }
    Ok(())
}

/// Spoils the files of a run and says which rule must find it.
pub fn plant(dir: &Path, what: &str) -> anyhow::Result<&'static str> {
    match what {
        "" | "double-start" => {
            let path = lines(dir)?;
            let text = fs::read_to_string(&path)?;
            let start = text.lines().find(|line| line.starts_with("start "));
            let start = start.context("no run has started")?;
            fs::write(&path, format!("{text}{start}\n"))?;
            Ok("double start")
        }
        "lost-line" => {
            let path = lines(dir)?;
            let text = fs::read_to_string(&path)?;
            let end = text.lines().find(|line| line.starts_with("end "));
            let end = end.context("no run has ended")?.to_owned();
            let rest = text.lines().filter(|line| *line != end);
            fs::write(&path, rest.map(|line| format!("{line}\n")).collect::<String>())?;
            Ok("success without a run")
        }
        "lost-record" => {
            histories(dir, |told| {
                let runs = &mut told["jobs"]["second-0"]["executions"];
                // Lists begin with the newest.
                runs.as_array_mut().and_then(Vec::pop).is_some()
            })?;
            Ok("missed")
        }
        "miscount" => {
            histories(dir, |told| {
                let count = &mut told["jobs"]["second-0"]["job"]["success_count"];
                *count = (count.as_u64().unwrap_or(0) + 1).into();
                true
            })?;
            Ok("miscounted")
        }
        other => {
            bail!("--planted {other}: one of {BUGS:?}")
        }
    }
}

/// Lines of the first host that has any.
fn lines(dir: &Path) -> anyhow::Result<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(dir.join("lines"))?.flatten().map(|entry| entry.path()).collect();
    all.sort();
    all.into_iter().next().context("no host has any lines")
}

/// The same change to what every server tells.
fn histories(dir: &Path, spoil: impl Fn(&mut Value) -> bool) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir.join("history"))?.flatten() {
        let mut told: Value = serde_json::from_slice(&fs::read(entry.path())?)?;
        anyhow::ensure!(spoil(&mut told), "nothing to spoil in {:?}", entry.path());
        let name = entry.file_name().to_string_lossy().into_owned();
        let server = name.strip_suffix(".json").unwrap_or(&name);
        case::write_history(dir, server, &told)?;
    }
    Ok(())
}
