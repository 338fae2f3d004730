//! What servers say of each job afterwards: every due time must have an execution or a skipped
//! record, on the original phase, and the sink must have seen none twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use dkron_conformance::instant;
use serde_json::Value;

use super::scheduled::states;
use crate::api::{self, Api, parallel};
use crate::figures::Report;
use crate::sink::{SECOND, Sink, tally};

/// Each job is due every two seconds, so that its history of 100 outlasts the rounds.
pub const PERIOD: i64 = 2;
const SETTLE: Duration = Duration::from_secs(40);
const UNFINISHED: &str = "0001-01-01T00:00:00Z";

/// Half of the jobs are due at even seconds.
pub fn schedule(index: usize) -> &'static str {
    if index.is_multiple_of(2) { "*/2 * * * * *" } else { "1-59/2 * * * * *" }
}

/// What the server says about one job.
#[derive(Debug, Default)]
pub struct Story {
    /// Due times that ran, with how many executions each.
    ran: BTreeMap<i64, usize>,
    states: HashMap<String, usize>,
    skipped: Vec<(i64, i64)>,
    unfinished: usize,
    terminal: usize,
    counted: usize,
    expected: Vec<i64>,
}

/// All of them, once everything that was due by `until` has ended or the wait is over.
pub fn read(url: &str, jobs: usize, first: i64, until: i64) -> anyhow::Result<Vec<Story>> {
    let end = Instant::now() + SETTLE;
    loop {
        let stories = parallel(url, 4, jobs, |api, index| story(api, index, first, until))?;
        let open: usize = stories.iter().map(|story| story.unfinished).sum();
        if open == 0 || Instant::now() > end {
            return Ok(stories);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn story(api: &mut Api, index: usize, first: i64, until: i64) -> anyhow::Result<Story> {
    let name = api::name(index);
    let runs = api.list(&format!("/v1/jobs/{name}/executions"))?;
    let skipped = api.list(&format!("/v1/jobs/{name}/skipped"))?;
    let job = api.get(&format!("/v1/jobs/{name}"))?;
    let due = |run: &Value| run["scheduled_at"].as_str().and_then(instant::parse);
    let is_open = |run: &&Value| run["finished_at"] == UNFINISHED;
    let judged: Vec<&Value> = runs.iter().filter(|r| due(r).is_none_or(|d| d <= until)).collect();
    let mut story = Story {
        states: states(&runs),
        unfinished: judged.iter().filter(|run| is_open(run)).count(),
        terminal: runs.iter().filter(|run| !is_open(run)).count(),
        counted: (number(&job["success_count"]) + number(&job["error_count"])) as usize,
        skipped: skipped.iter().filter_map(span).collect(),
        ..Story::default()
    };
    for run in judged {
        // A run without a due time cannot be accounted for: slot 0 shows it as out of phase.
        *story.ran.entry(due(run).unwrap_or(0)).or_insert(0) += 1;
    }
    let parity = (index % 2) as i64;
    let from = first / SECOND;
    let slots = (from..=until / SECOND).filter(|second| second % PERIOD == parity);
    story.expected = slots.map(|second| second * SECOND).collect();
    Ok(story)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn span(record: &Value) -> Option<(i64, i64)> {
    let from = record["scheduled_at"].as_str().and_then(instant::parse)?;
    let last = record["last_scheduled_at"].as_str().and_then(instant::parse);
    Some((from, last.unwrap_or(from)))
}

/// What one story lacks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    unaccounted: usize,
    both: usize,
    twice: usize,
    out_of_phase: usize,
}

fn faults(story: &Story) -> Faults {
    let mut faults = Faults::default();
    let expected: HashSet<i64> = story.expected.iter().copied().collect();
    for slot in &story.expected {
        let skips = story.skipped.iter().any(|(from, last)| from <= slot && slot <= last);
        match (story.ran.contains_key(slot), skips) {
            (false, false) => faults.unaccounted += 1,
            (true, true) => faults.both += 1,
            _ => {}
        }
    }
    faults.twice = story.ran.values().filter(|count| **count > 1).count();
    faults.out_of_phase = story.ran.keys().filter(|slot| !expected.contains(slot)).count();
    faults
}

/// What must not be is a problem.
pub fn judge(report: &mut Report, stories: &[Story], sink: &Sink, until: i64) {
    let mut sum = Faults::default();
    let mut by_state: BTreeMap<&str, usize> = BTreeMap::new();
    for story in stories {
        let own = faults(story);
        sum.unaccounted += own.unaccounted;
        sum.both += own.both;
        sum.twice += own.twice;
        sum.out_of_phase += own.out_of_phase;
        story.states.iter().for_each(|(s, n)| *by_state.entry(s.as_str()).or_insert(0) += n);
    }
    let total = |f: &dyn Fn(&Story) -> usize| stories.iter().map(f).sum::<usize>();
    let counts = tally(&sink.arrivals());
    let double = counts.values().filter(|count| **count > 1).count();
    let unknown = counts.keys().filter(|(job, slot)| {
        *slot <= until && stories.get(*job).is_none_or(|s| !s.ran.contains_key(slot))
    });
    let unknown = unknown.count();
    let ran = total(&|s| s.ran.len());
    let due = total(&|s| s.expected.len());
    let miscounted = stories.iter().filter(|s| s.counted < s.terminal).count();
    let rows = [
        ("due", due),
        ("ran", ran),
        ("skipped", due.saturating_sub(ran + sum.unaccounted)),
        ("without a record", sum.unaccounted),
        ("ran and skipped", sum.both),
        ("decided twice", sum.twice),
        ("out of phase", sum.out_of_phase),
        ("unfinished", total(&|s| s.unfinished)),
        ("calls seen twice", double),
        ("calls without a run", unknown),
        ("jobs miscounted", miscounted),
    ];
    for (index, (name, value)) in rows.into_iter().enumerate() {
        report.put(name, value);
        report.problem_if(index > 2 && value > 0, format!("{value} {name}"));
    }
    for (state, count) in by_state {
        report.put(&format!("state {state}"), count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_due_time_is_accounted_for_once() {
        let story = Story {
            expected: vec![2, 4, 6, 8, 10],
            ran: BTreeMap::from([(2, 1), (4, 2), (5, 1), (8, 1)]),
            skipped: vec![(6, 8)],
            ..Story::default()
        };
        let wanted = Faults { unaccounted: 1, both: 1, twice: 1, out_of_phase: 1 };
        assert_eq!(faults(&story), wanted);
    }

    #[test]
    fn a_run_of_skips_is_one_record() {
        let record = serde_json::json!({
            "scheduled_at": "1970-01-01T00:00:02Z", "last_scheduled_at": "1970-01-01T00:00:06Z",
            "count": 3, "reason": "missed",
        });
        assert_eq!(span(&record), Some((2 * SECOND, 6 * SECOND)));
        assert_eq!(span(&serde_json::json!({})), None);
    }
}
