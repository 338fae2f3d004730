//! `test`: the binary, every test of the workspace, the simulator's seeds, a short chaos run,
//! requests by the API's description; then the five slowest.
//! Cargo's output is passed on line by line and only listened to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use crate::cargo::{build_dkron, cargo};
use crate::{api, chaos, sim};
use dkron_bench::Args;

const SLOWEST: usize = 5;

pub fn test(args: &Args) -> anyhow::Result<()> {
    args.only(0, &[])?;
    // Tests of the front door start the real binary beside them.
    let bin = build_dkron(false)?;
    let mut build = cargo(&["test", "--locked", "--workspace", "--no-run", "--quiet"]);
    crate::cargo::step("build the tests", &mut build)?;
    sim::build()?;
    chaos::build()?;
    let begun = Instant::now();
    let mut tests = cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
    let listener = listen(&mut tests)?;
    let simulated = sim::seeds(sim::SMOKE, 0);
    // Alone: its hosts need the processors for themselves.
    let survived = chaos::smoke(&bin);
    let described = api::smoke(&bin);
    let took = begun.elapsed().as_secs_f64();
    println!("\nslowest test programs:");
    for (seconds, name) in listener.slowest() {
        println!("{seconds:>8.2} s  {name}");
    }
    println!("{} passed, {} failed in {took:.1} s", listener.passed, listener.failed);
    anyhow::ensure!(listener.success, "cargo test failed");
    simulated.and(survived).and(described)
}

/// One pipe for both streams keeps the names before their results.
fn listen(command: &mut Command) -> anyhow::Result<Listener> {
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("starting cargo test")?;
    // Our own ends of the pipe would keep it open.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut listener = Listener::default();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        listener.hear(String::from_utf8_lossy(&line).trim());
        line.clear();
    }
    listener.success = child.wait()?.success();
    Ok(listener)
}

#[derive(Debug, Default)]
struct Listener {
    running: String,
    times: Vec<(f64, String)>,
    passed: u64,
    failed: u64,
    success: bool,
}

impl Listener {
    fn hear(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("Running ") {
            self.running = program(rest);
        } else if let Some(rest) = line.strip_prefix("Doc-tests ") {
            self.running = format!("doc-tests of {rest}");
        } else if let Some(rest) = line.strip_prefix("test result: ") {
            self.passed += count(rest, "passed");
            self.failed += count(rest, "failed");
            let seconds = rest.rsplit_once("finished in ").map_or("", |(_, time)| time);
            let seconds = seconds.trim_end_matches('s').parse().unwrap_or(0.0);
            self.times.push((seconds, std::mem::take(&mut self.running)));
        }
    }

    fn slowest(&self) -> Vec<(f64, &str)> {
        let mut all: Vec<_> = self.times.iter().map(|(t, name)| (*t, name.as_str())).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.truncate(SLOWEST);
        all
    }
}

/// `unittests src/lib.rs (target/debug/deps/dkron_core-0123)` → `dkron_core (src/lib.rs)`.
fn program(rest: &str) -> String {
    let Some((source, path)) = rest.split_once(" (") else {
        return rest.to_owned();
    };
    let source = source.strip_prefix("unittests ").unwrap_or(source);
    let stem = path.trim_end_matches(')').rsplit('/').next().unwrap_or_default();
    let stem = stem.rsplit_once('-').map_or(stem, |(stem, _)| stem);
    format!("{stem} ({source})")
}

fn count(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().unwrap_or_default().trim();
    before.rsplit([' ', ';']).next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_results_and_times_are_heard() {
        let mut listener = Listener::default();
        for line in [
            "Running unittests src/lib.rs (target/debug/deps/dkron_core-0123abcd)",
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 1.25s",
            "Running tests/rest.rs (target/debug/deps/rest-0123abcd)",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 30.50s",
        ] {
            listener.hear(line);
        }
        assert_eq!((listener.passed, listener.failed), (4, 2));
        let slowest = listener.slowest();
        assert_eq!(slowest, [(30.5, "rest (tests/rest.rs)"), (1.25, "dkron_core (src/lib.rs)")]);
    }
}
