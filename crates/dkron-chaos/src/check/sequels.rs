//! What follows from an end: further attempts, and children.

use std::collections::BTreeSet;

use super::{Verdict, View};
use crate::case::{Execution, Job, SECOND, Story};

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    for (job, story) in &view.jobs {
        for runs in View::groups(story).values() {
            if job.places == 1 {
                attempts(view, job, runs, verdict);
            }
        }
        if let Some(parent) = &job.parent {
            let parent = view.jobs.iter().find(|(job, _)| job.name == *parent);
            if let Some((_, parent)) = parent {
                children(view, job, story, parent, verdict);
            }
        }
    }
}

/// Attempts are numbered from 1, begin after the pause, follow failures only, and none is missing.
fn attempts(view: &View<'_>, job: &Job, runs: &[&Execution], verdict: &mut Verdict) {
    let mut add = |text: String| verdict.add("retry", &job.name, text);
    let numbers: Vec<u32> = runs.iter().map(|run| run.attempt).collect();
    let wanted: Vec<u32> = (1..=runs.len() as u32).collect();
    let Some(last) = runs.last() else { return };
    if numbers != wanted || runs.len() as u32 > job.retries + 1 {
        add(format!("attempts {numbers:?} of {}", last.id));
    }
    for pair in runs.windows(2) {
        if pair[0].state == "success" || pair[0].state == "cancelled" {
            add(format!("{} follows a {}", pair[1].id, pair[0].state));
        }
        let end = view.run(&pair[0].id).and_then(|run| run.end());
        let start = view.run(&pair[1].id).and_then(|run| run.start());
        if let (Some(end), Some(start)) = (end, start)
            && start < end + job.retry_delay * SECOND
        {
            add(format!("{} began {} ms after the failure", pair[1].id, (start - end) / 1_000));
        }
    }
    // Only an exit code of its own says for certain that it was a failure to be tried again.
    let owed = last.state == "failed" && last.exit_code.is_some();
    if owed && (runs.len() as u32) < job.retries + 1 {
        add(format!("no attempt after {}", last.id));
    }
}

/// Children and successes of the parent are as many, and the k-th child begins after the k-th
/// success has ended.
fn children(view: &View<'_>, job: &Job, own: &Story, parent: &Story, verdict: &mut Verdict) {
    let successes: Vec<i64> = View::groups(parent)
        .values()
        .filter(|runs| is_success(runs))
        .map(|runs| runs.iter().filter_map(|r| view.run(&r.id)?.end()).max().unwrap_or(0))
        .collect();
    let groups = own.executions.iter().map(|run| run.group).collect::<BTreeSet<u64>>().len();
    let skipped: u64 = own.skipped.iter().map(|skip| skip.count).sum();
    if groups as u64 + skipped != successes.len() as u64 {
        let text = format!(
            "{} successes of the parent, {groups} groups and {skipped} skipped",
            successes.len()
        );
        verdict.add("chain", &job.name, text);
    }
    let begun = own.executions.iter().filter(|run| run.attempt == 1);
    let mut begun: Vec<i64> = begun.filter_map(|r| view.run(&r.id)?.start()).collect();
    let mut ended = successes;
    begun.sort_unstable();
    ended.sort_unstable();
    if let Some((start, end)) = begun.iter().zip(&ended).find(|(start, end)| start < end) {
        let text = format!("a child began {} ms before its parent ended", (end - start) / 1_000);
        verdict.add("chain", &job.name, text);
    }
}

/// Every place's last attempt succeeded.
fn is_success(runs: &[&Execution]) -> bool {
    let places = runs.iter().filter(|run| run.attempt == 1).count();
    runs.iter().filter(|run| run.state == "success").count() == places
}
