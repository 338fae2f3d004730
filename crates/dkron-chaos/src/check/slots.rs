//! Every due slot has exactly one record: a group of executions, or a place in a skipped record.

use std::collections::{BTreeMap, BTreeSet};

use dkron_conformance::instant;

use super::{Verdict, View};
use crate::case::{Job, Plan, SECOND, Skipped, Story};

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    let (mut due, mut ran) = (0, 0);
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for (job, story) in view.jobs.iter().filter(|(job, _)| job.period > 0) {
        let slots = due_slots(&view.case.plan, job);
        let groups = groups(story);
        due += slots.len();
        ran += slots.iter().filter(|slot| groups.contains_key(slot)).count();
        for skip in &story.skipped {
            *reasons.entry(skip.reason.clone()).or_default() += skip.count;
        }
        one_record_each(job, story, &slots, verdict);
    }
    verdict.put("slots due", due);
    verdict.put("slots that ran", ran);
    for (reason, count) in reasons {
        verdict.put(&format!("slots skipped: {reason}"), count);
    }
}

/// The slots that the plan makes due.
pub fn due_slots(plan: &Plan, job: &Job) -> BTreeSet<i64> {
    let seconds = plan.from.div_euclid(SECOND) + 1..=plan.until.div_euclid(SECOND);
    let due = seconds.filter(|second| second.rem_euclid(job.period) == job.phase);
    due.map(|second| second * SECOND).collect()
}

/// Groups by the slot for which they were made.
fn groups(story: &Story) -> BTreeMap<i64, BTreeSet<u64>> {
    let mut groups: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
    for run in &story.executions {
        groups.entry(run.scheduled.unwrap_or(0)).or_default().insert(run.group);
    }
    groups
}

fn one_record_each(job: &Job, story: &Story, slots: &BTreeSet<i64>, verdict: &mut Verdict) {
    let groups = groups(story);
    for slot in slots {
        let fired = groups.get(slot).map_or(0, BTreeSet::len);
        let skips = story.skipped.iter().filter(|s| covers(s, *slot)).count();
        let text = || {
            let at = instant::format(slot / SECOND);
            format!("{at}: {fired} groups and {skips} skipped records")
        };
        match fired + skips {
            0 => verdict.add("missed", &job.name, text()),
            1 => {}
            _ => verdict.add("decided twice", &job.name, text()),
        }
    }
    for slot in groups.keys().filter(|slot| !slots.contains(slot)) {
        let text = format!("{} was not due", instant::format(slot / SECOND));
        verdict.add("phantom", &job.name, text);
    }
    for skip in &story.skipped {
        let held = slots.range(skip.first..=skip.last).count() as u64;
        if held != skip.count {
            let from = instant::format(skip.first / SECOND);
            let reason = &skip.reason;
            let text = format!("{reason} from {from} counts {} slots of {held}", skip.count);
            verdict.add("phantom", &job.name, text);
        }
    }
}

fn covers(skip: &Skipped, slot: i64) -> bool {
    (skip.first..=skip.last).contains(&slot)
}
