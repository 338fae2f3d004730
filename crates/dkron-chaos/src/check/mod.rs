//! The checker: one file for each family of rules, all of them over the same view of one run.
//! It knows the plan, the lines and the histories, nothing of how they came to be.

mod ends;
mod overlap;
mod places;
mod registers;
mod replicas;
mod sequels;
mod slots;
mod times;
mod truth;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub use overlap::keeps_apart;
pub use slots::due_slots;

use crate::case::{Case, Execution, Job, Story};
use crate::lines::{Said, Start};

/// Every rule, with what breaks it. The table shows all of them, also those that nothing broke.
pub const RULES: [(&str, &str); 22] = [
    ("missed", "a due slot with neither an execution nor a skipped record"),
    ("decided twice", "a slot with two groups, or with a group and a skipped record"),
    ("phantom", "a slot that was not due, or a record that counts slots it does not hold"),
    ("double start", "two starts of one execution, or of one attempt of a slot"),
    ("no record", "a run that wrote a line and that no server knows"),
    ("unreadable line", "a line that no run writes"),
    ("success without a run", "a success without one start and one end with exit code 0"),
    ("failure without a run", "a failure with neither a start nor a reason for there being none"),
    ("wrong exit", "a record that says another exit code than the run"),
    ("unexplained", "lost or failed although nothing touched its host"),
    ("unfinished", "an execution that has not ended after everything was healed"),
    ("miscounted", "counters that are not the number of ended executions"),
    ("early", "a start before it was due"),
    ("not recovered", "a late start long after the last fault"),
    ("overlap", "two runs side by side of a job that keeps them apart"),
    ("fence", "a run of such a job under an older leadership than the one before it"),
    ("wrong place", "a host that the job does not name, twice the same, or too few without cause"),
    ("retry", "attempts that are missing, too many, too early or after a success"),
    ("chain", "children that are not one for each success of their parent"),
    ("lost write", "an acknowledged write, or a value once read, that a later read does not show"),
    ("disagreement", "servers that tell different histories or have different hashes"),
    ("survival", "a process of the product that ended, or panicked, without being told to"),
];

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub rule: &'static str,
    /// A job's name, or a host's, or empty.
    pub whose: String,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// Figures beside the verdict, in the order in which they are shown.
    pub figures: Vec<(String, Value)>,
}

impl Verdict {
    pub fn is_good(&self) -> bool {
        self.violations.is_empty()
    }

    pub fn count(&self, rule: &str) -> usize {
        self.violations.iter().filter(|violation| violation.rule == rule).count()
    }

    fn add(&mut self, rule: &'static str, whose: &str, text: impl Into<String>) {
        debug_assert!(RULES.iter().any(|(name, _)| *name == rule), "no rule {rule}");
        let text = text.into();
        self.violations.push(Violation { rule, whose: whose.to_owned(), text });
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.push((name.to_owned(), value.into()));
    }
}

/// What one execution wrote.
#[derive(Debug, Default)]
struct Run {
    /// Host, instant and words of each start.
    starts: Vec<(String, i64, Start)>,
    ends: Vec<(i64, i64)>,
}

impl Run {
    fn start(&self) -> Option<i64> {
        self.starts.first().map(|(_, at, _)| *at)
    }

    fn end(&self) -> Option<i64> {
        self.ends.first().map(|(_, at)| *at)
    }
}

struct View<'a> {
    case: &'a Case,
    /// Every job of the plan with what the first server tells of it.
    jobs: Vec<(&'a Job, Story)>,
    runs: BTreeMap<String, Run>,
}

impl View<'_> {
    fn run(&self, execution: &str) -> Option<&Run> {
        self.runs.get(execution)
    }

    fn executions(&self) -> impl Iterator<Item = (&Job, &Execution)> {
        self.jobs.iter().flat_map(|(job, story)| story.executions.iter().map(|run| (*job, run)))
    }

    /// Whether something was broken on a host between two instants.
    fn is_touched(&self, host: &str, from: i64, to: i64) -> bool {
        self.case.plan.bands.iter().any(|band| band.touches(host, from, to))
    }

    /// Attempts of a job's groups, by group, in order.
    fn groups(story: &Story) -> BTreeMap<u64, Vec<&Execution>> {
        let mut groups: BTreeMap<u64, Vec<&Execution>> = BTreeMap::new();
        for run in &story.executions {
            groups.entry(run.group).or_default().push(run);
        }
        groups.values_mut().for_each(|runs| runs.sort_by_key(|run| run.attempt));
        groups
    }
}

/// Judges a run whose load has ended and whose faults are healed.
pub fn check(case: &Case) -> Verdict {
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    for line in &case.lines {
        match &line.said {
            Said::Start(start) => {
                let run = runs.entry(start.execution.clone()).or_default();
                run.starts.push((line.host.clone(), line.at, start.clone()));
            }
            Said::End { execution, exit } => {
                runs.entry(execution.clone()).or_default().ends.push((*exit, line.at));
            }
            Said::Beside { .. } | Said::Unreadable(_) => {}
        }
    }
    let jobs = case.plan.jobs.iter().map(|job| (job, case.story(&job.name))).collect();
    let view = View { case, jobs, runs };
    let mut verdict = Verdict::default();
    slots::check(&view, &mut verdict);
    truth::check(&view, &mut verdict);
    ends::check(&view, &mut verdict);
    times::check(&view, &mut verdict);
    overlap::check(&view, &mut verdict);
    places::check(&view, &mut verdict);
    sequels::check(&view, &mut verdict);
    registers::check(&view, &mut verdict);
    replicas::check(&view, &mut verdict);
    for incident in &case.plan.incidents {
        verdict.add("survival", "", incident.clone());
    }
    verdict
}

#[cfg(test)]
mod tests;
