//! The verdict for people and for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::case::{Case, SECOND};
use crate::check::{RULES, Verdict};
use crate::picture;

/// LIMIT: violations of one rule that are shown in full; the report has all.
const SHOWN: usize = 5;

/// Writes `report.json` and `picture.svg` into the folder of the run.
pub fn write(dir: &Path, case: &Case, verdict: &Verdict) -> anyhow::Result<()> {
    let report = serde_json::to_vec_pretty(&json(case, verdict))?;
    let path = dir.join("report.json");
    fs::write(&path, report).with_context(|| format!("writing {path:?}"))?;
    let path = dir.join("picture.svg");
    fs::write(&path, picture::draw(case, verdict)).with_context(|| format!("writing {path:?}"))
}

fn json(case: &Case, verdict: &Verdict) -> Value {
    let rules: Map<String, Value> =
        RULES.iter().map(|(rule, _)| ((*rule).to_owned(), verdict.count(rule).into())).collect();
    let figures: Map<String, Value> = verdict.figures.iter().cloned().collect();
    json!({
        "good": verdict.is_good(),
        "seed": case.plan.seed,
        "rules": rules,
        "figures": figures,
        "bands": case.plan.bands,
        "left_out": case.plan.left_out,
        "violations": verdict.violations,
    })
}

/// Bands, figures, rules and the verdict.
pub fn text(case: &Case, verdict: &Verdict) -> String {
    let plan = &case.plan;
    let mut out = String::new();
    let seconds = (plan.until - plan.from) / SECOND;
    put(&mut out, format!("chaos: seed {}, {seconds} s of load", plan.seed));
    for band in &plan.bands {
        let (from, to) = (band.from - plan.from, band.to - plan.from);
        let span = format!("{:>6.1} to {:>6.1} s", from as f64 / 1e6, to as f64 / 1e6);
        put(&mut out, format!("  {span}  {} on {}", band.name, band.hosts.join(", ")));
    }
    for text in &plan.left_out {
        put(&mut out, format!("  LEFT OUT: {text}"));
    }
    for (name, value) in &verdict.figures {
        put(&mut out, format!("  {name:42} {value:>8}"));
    }
    for (rule, what) in RULES {
        let count = verdict.count(rule);
        let mark = if count > 0 { "BROKEN" } else { "ok" };
        put(&mut out, format!("  {mark:6} {count:>5}  {rule:22} {what}"));
        let all = verdict.violations.iter().filter(|violation| violation.rule == rule);
        for violation in all.take(SHOWN) {
            put(&mut out, format!("                 {}: {}", violation.whose, violation.text));
        }
    }
    let word = if verdict.is_good() { "GOOD" } else { "BAD" };
    put(&mut out, format!("verdict: {word}, {} violations", verdict.violations.len()));
    out
}

fn put(out: &mut String, line: String) {
    // Writing into a text can not fail.
    let _ = writeln!(out, "{line}");
}
