//! What the records say of each execution is what its process wrote.

use std::collections::{BTreeMap, BTreeSet};

use super::{Run, Verdict, View};
use crate::case::{Execution, Job, RUNNER, SECOND};
use crate::lines::Said;

/// Reasons for which a failed execution may never have started. A record without a reason says in
/// its exit code how the process ended.
const NEVER_STARTED: [&str; 4] = ["node_unreachable", "not_started", "no_executor", "gone"];

/// So long after a fault a host may not be what it was: its session has to be opened again. A run
/// that is given up later was due earlier, which its end says.
const AFTER: i64 = 15 * SECOND;

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for (job, told) in view.executions() {
        known.insert(told.id.as_str());
        *states.entry(told.state.as_str()).or_default() += 1;
        starts(job, told, view.run(&told.id), verdict);
        let is_cut_short = died_with_its_runner(view, told);
        outcome(job, told, view.run(&told.id), is_cut_short, verdict);
        explained(view, job, told, verdict);
    }
    for (execution, run) in &view.runs {
        if !known.contains(execution.as_str()) {
            let whose = run.starts.first().map_or("", |(_, _, start)| start.job.as_str());
            verdict.add("no record", whose, format!("{execution} ran and no server knows it"));
        }
    }
    for line in &view.case.lines {
        if let Said::Unreadable(text) = &line.said {
            verdict.add("unreadable line", &line.host, format!("`{text}`"));
        }
    }
    attempts_once(view, verdict);
    for (state, count) in states {
        verdict.put(&format!("executions {state}"), count);
    }
}

fn starts(job: &Job, told: &Execution, run: Option<&Run>, verdict: &mut Verdict) {
    let Some(run) = run else { return };
    if run.starts.len() > 1 {
        let hosts: Vec<&str> = run.starts.iter().map(|(host, ..)| host.as_str()).collect();
        let text = format!("{} started {} times, on {hosts:?}", told.id, hosts.len());
        verdict.add("double start", &job.name, text);
    }
}

/// An attempt of a slot starts as one execution only on each of its hosts.
fn attempts_once(view: &View<'_>, verdict: &mut Verdict) {
    type Key<'a> = (&'a str, i64, u32, &'a str);
    let mut seen: BTreeMap<Key<'_>, BTreeSet<&str>> = BTreeMap::new();
    for (host, _, start) in view.runs.values().flat_map(|run| &run.starts) {
        // Children have no slot.
        let Some(slot) = start.scheduled else { continue };
        let key = (start.job.as_str(), slot, start.attempt, host.as_str());
        seen.entry(key).or_default().insert(&start.execution);
    }
    for ((job, _, attempt, _), ids) in seen.into_iter().filter(|(_, ids)| ids.len() > 1) {
        let text = format!("attempt {attempt} of one slot started as {ids:?}");
        verdict.add("double start", job, text);
    }
}

/// A process that was killed in its first moment had no time for a line: its record has neither
/// reason nor exit code, and somebody killed the runner of its host while it went on.
fn died_with_its_runner(view: &View<'_>, told: &Execution) -> bool {
    let (due, end) = (told.scheduled.unwrap_or(0), told.finished.unwrap_or(i64::MAX));
    let mut bands = view.case.plan.bands.iter().filter(|band| band.name.contains(RUNNER));
    told.exit_code.is_none() && bands.any(|band| band.touches(&told.node, due, end))
}

fn outcome(
    job: &Job,
    told: &Execution,
    run: Option<&Run>,
    is_cut_short: bool,
    verdict: &mut Verdict,
) {
    let starts = run.map_or(0, |run| run.starts.len());
    let exit = run.and_then(|run| run.ends.first()).map(|(exit, _)| *exit);
    let ends = run.map_or(0, |run| run.ends.len());
    let id = &told.id;
    match told.state.as_str() {
        "success" if starts == 0 || ends != 1 || exit != Some(0) => {
            let text = format!("{id}: {starts} starts, {ends} ends, exit code {exit:?}");
            verdict.add("success without a run", &job.name, text);
        }
        "failed" if starts == 0 && is_cut_short => {}
        "failed" if starts == 0 && !NEVER_STARTED.contains(&told.reason.as_str()) => {
            let text = format!("{id}: no start, reason `{}`", told.reason);
            verdict.add("failure without a run", &job.name, text);
        }
        "failed" if told.exit_code.is_some() && exit.is_some() && told.exit_code != exit => {
            let text = format!("{id}: the record says {:?}, the run {exit:?}", told.exit_code);
            verdict.add("wrong exit", &job.name, text);
        }
        _ => {}
    }
}

/// An end that no job of the load asks for has a fault that touched its host.
fn explained(view: &View<'_>, job: &Job, told: &Execution, verdict: &mut Verdict) {
    let wanted = match told.state.as_str() {
        "failed" => job.fails_first && told.attempt == 1 && told.exit_code == Some(1),
        "cancelled" => job.concurrency == "replace",
        "lost" | "timed_out" => false,
        _ => true,
    };
    if wanted {
        return;
    }
    let due = told.scheduled.unwrap_or(0);
    let until = told.finished.unwrap_or(i64::MAX);
    if !view.is_touched(&told.node, due - AFTER, until) {
        let (id, state, reason) = (&told.id, &told.state, &told.reason);
        let text = format!("{id} is {state} ({reason}), and nothing touched {}", told.node);
        verdict.add("unexplained", &job.name, text);
    }
}
