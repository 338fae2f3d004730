//! What no compiler checks: layers, licences, sizes, manners. Each check is pure: texts in,
//! findings out. What it holds us to stands in docs/dev/tidy.md.

mod crates;
mod layers;
mod licences;
mod promises;
mod source;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;

use crate::cargo;
use dkron_bench::Args;
use promises::Source;

/// Something to mend, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub place: String,
    pub text: String,
}

impl Finding {
    pub fn new(place: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { place: place.into(), text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

pub fn tidy(args: &Args) -> anyhow::Result<()> {
    args.only(0, &[])?;
    println!("== tidy");
    let begun = Instant::now();
    let root = cargo::root();
    let metadata = cargo::metadata()?;
    let packages = crates::read(&metadata);
    let mut findings = Vec::new();
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    findings.extend(layers::check(&map, &packages));
    let rules = fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
    findings.extend(licences::check(&rules, &packages)?);
    findings.extend(crates::check(root, &packages)?);
    let mut unsafe_files = Vec::new();
    let files = tracked_files(root)?;
    let mut sources = evidence(root)?;
    for path in &files {
        let Ok(text) = fs::read_to_string(root.join(path)) else {
            continue;
        };
        findings.extend(source::check(path, &text));
        if path.ends_with(".rs") && source::allows_unsafe(&text) {
            unsafe_files.push(path.clone());
        }
        sources.push(Source { path: path.clone(), text });
    }
    findings.extend(source::check_unsafe(&unsafe_files));
    for page in promises::PAGES {
        let text = fs::read_to_string(root.join(page)).with_context(|| page.to_owned())?;
        findings.extend(promises::check(page, &text, &sources));
        if page.ends_with("scenarios.md") {
            findings.extend(promises::check_scenarios(page, &text, &sources));
        }
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "== tidy: {} crates of ours, {} packages, {} files, {} with unsafe code: {seconds:.1} s",
        packages.iter().filter(|p| p.is_ours).count(),
        packages.len(),
        files.len(),
        unsafe_files.len()
    );
    anyhow::ensure!(findings.is_empty(), "tidy: {} findings", findings.len());
    Ok(())
}

/// Scripts and recorded cases: files that are no sources, and that pages name as evidence.
fn evidence(root: &Path) -> anyhow::Result<Vec<Source>> {
    let scripts = root.join(promises::SCRIPTS);
    let mut folders = vec![root.join(promises::CASES)];
    let machines = fs::read_dir(&scripts).with_context(|| format!("reading {scripts:?}"))?;
    folders.extend(machines.filter_map(Result::ok).map(|machine| machine.path()));
    let mut sources = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {folder:?}"))? {
            let path = entry?.path();
            let text = fs::read_to_string(&path).with_context(|| format!("reading {path:?}"))?;
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}

/// Sources and pages, relative to the repository; build output, data and hidden folders are not.
fn tracked_files(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("reading {folder:?}"))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let skipped = ["target", "node_modules", "dist", "data", "dkron.data"];
            if name.starts_with('.') || skipped.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if [".rs", ".md", ".toml"].iter().any(|end| name.ends_with(end)) {
                let relative = path.strip_prefix(root).unwrap_or(&path);
                files.push(relative.to_string_lossy().into_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}
