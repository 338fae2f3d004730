//! Jobs that keep their runs apart: by what the runs saw themselves, and by their own times.
//! A run holds a lock on one file that all hosts share, from its first line until its last process
//! is gone; one that finds it taken says so. Times need no margin, since all hosts have one clock;
//! of a run that was killed the end is unknown, and there the lock alone is judge.

use std::collections::BTreeMap;

use super::{Verdict, View};
use crate::case::BEYOND_LEASE;
use crate::lines::{Said, Start};

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    // Nobody can end what is frozen: only jobs that hold their slot keep their promise then.
    let beyond = view.case.plan.bands.iter().any(|band| band.name.contains(BEYOND_LEASE));
    let apart: Vec<&str> = view
        .jobs
        .iter()
        .filter(|(job, _)| keeps_apart(&job.concurrency))
        .filter(|(job, _)| job.hold || !beyond)
        .map(|(job, _)| job.name.as_str())
        .collect();
    let mut spans: BTreeMap<&str, Vec<Span<'_>>> = BTreeMap::new();
    for run in view.runs.values() {
        let Some((_, start, words)) = run.starts.first() else { continue };
        if apart.contains(&words.job.as_str()) {
            let span = Span { start: *start, end: run.end(), words };
            spans.entry(&words.job).or_default().push(span);
        }
    }
    for (job, spans) in &mut spans {
        spans.sort_by_key(|span| span.start);
        for pair in spans.windows(2) {
            let (one, two) = (&pair[0], &pair[1]);
            if one.end.is_some_and(|end| end > two.start) {
                let both = (&one.words.execution, &two.words.execution);
                verdict.add("overlap", job, format!("{} and {}", both.0, both.1));
            }
            if two.words.fence < one.words.fence {
                let text = format!("{} is older than what ran before it", two.words.execution);
                verdict.add("fence", job, text);
            }
        }
    }
    for line in &view.case.lines {
        let Said::Beside { execution } = &line.said else { continue };
        let start = view.run(execution).and_then(|run| run.starts.first());
        // The line of the start follows; without it the job is unknown, and counts.
        if start.is_none_or(|(_, _, start)| apart.contains(&start.job.as_str())) {
            verdict.add("overlap", &line.host, format!("{execution} found the lock taken"));
        }
    }
}

struct Span<'a> {
    start: i64,
    end: Option<i64>,
    words: &'a Start,
}

pub fn keeps_apart(concurrency: &str) -> bool {
    matches!(concurrency, "forbid" | "queue" | "replace")
}
