//! One picture of a run: time from left to right, a row for each job, a mark for each execution
//! and each slot without one, and behind them the bands in which something was broken.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::case::{Case, Execution, Plan, SECOND};
use crate::check::{Verdict, due_slots};
use crate::lines::Said;

const LEFT: f64 = 150.0;
const TOP: f64 = 20.0;
const ROW: f64 = 16.0;
const BAND_ROW: f64 = 14.0;
/// Of a picture of a short run; a long one has three points a second.
const WIDTH_LEAST: f64 = 1_400.0;

pub fn draw(case: &Case, verdict: &Verdict) -> String {
    let plan = &case.plan;
    let scale = Scale::of(case);
    let bands = TOP + BAND_ROW * (plan.bands.len() as f64 + 1.0);
    let bottom = bands + ROW * plan.jobs.len() as f64;
    let spans = spans(case);
    let width = scale.x(scale.to) + 20.0;
    let mut out = String::new();
    let mut put = |text: String| {
        // Writing into a text can not fail.
        let _ = writeln!(out, "{text}");
    };
    put(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{:.0}" "#,
        bottom + 70.0
    ));
    put(r#"font-family="sans-serif" font-size="10"><rect width="100%" height="100%" "#.into());
    put(r#"fill="white"/>"#.into());
    put(axis(plan, &scale, bottom));
    put(band_marks(plan, &scale, bottom));
    for (row, job) in plan.jobs.iter().enumerate() {
        let y = bands + ROW * row as f64;
        put(format!(r##"<text x="4" y="{:.1}" fill="#333">{}</text>"##, y + 11.0, job.name));
        let story = case.story(&job.name);
        for run in &story.executions {
            put(mark(&spans, run, &scale, y));
        }
        for skip in &story.skipped {
            let (x, to) = (scale.x(skip.first), scale.x(skip.last));
            let what = format!("{} skipped: {}", skip.count, skip.reason);
            put(rect(x, y + 11.0, (to - x).max(2.0), 3.0, "#9aa0a6", &what));
        }
        if job.period == 0 {
            continue;
        }
        let told: Vec<i64> = story.executions.iter().filter_map(|run| run.scheduled).collect();
        let covered = |slot: &i64| {
            told.contains(slot)
                || story.skipped.iter().any(|skip| (skip.first..=skip.last).contains(slot))
        };
        for slot in due_slots(plan, job).iter().filter(|slot| !covered(slot)) {
            put(rect(scale.x(*slot) - 2.0, y, 5.0, ROW, "#000000", "missed"));
        }
    }
    let word = if verdict.is_good() { "good" } else { "BAD" };
    let text = format!("{word}: {} violations, seed {}", verdict.violations.len(), plan.seed);
    put(format!(r#"<text x="4" y="{:.1}" font-size="13">{text}</text>"#, bottom + 40.0));
    put(legend(bottom + 56.0));
    put("</svg>".into());
    out
}

struct Scale {
    from: i64,
    to: i64,
    points: f64,
}

impl Scale {
    fn of(case: &Case) -> Scale {
        let plan = &case.plan;
        let last = case.lines.iter().map(|line| line.at).max().unwrap_or(plan.until);
        let bands = plan.bands.iter().map(|band| band.to).max().unwrap_or(0);
        let from = plan.from - SECOND;
        let to = plan.until.max(last).max(bands).min(plan.until + 120 * SECOND) + SECOND;
        let seconds = (to - from) as f64 / 1e6;
        Scale { from, to, points: (WIDTH_LEAST / seconds).max(3.0) }
    }

    fn x(&self, at: i64) -> f64 {
        LEFT + (at.clamp(self.from, self.to) - self.from) as f64 / 1e6 * self.points
    }
}

fn colour(state: &str) -> &'static str {
    match state {
        "success" => "#34a853",
        "failed" => "#ea4335",
        "lost" => "#a142f4",
        "timed_out" => "#fb8c00",
        "cancelled" => "#1a73e8",
        _ => "#ff00ff",
    }
}

type Spans<'a> = BTreeMap<&'a str, (i64, i64)>;

/// From an execution's first line to its last.
fn spans(case: &Case) -> Spans<'_> {
    let mut spans = Spans::new();
    for line in &case.lines {
        let id = match &line.said {
            Said::Start(start) => &start.execution,
            Said::End { execution, .. } | Said::Beside { execution } => execution,
            Said::Unreadable(_) => continue,
        };
        let span = spans.entry(id).or_insert((line.at, line.at));
        *span = (span.0.min(line.at), span.1.max(line.at));
    }
    spans
}

/// As long as the process says, or a dot where it says nothing.
fn mark(spans: &Spans<'_>, run: &Execution, scale: &Scale, y: f64) -> String {
    let due = run.scheduled.or(run.finished).unwrap_or(scale.from);
    let (start, end) = spans.get(run.id.as_str()).copied().unwrap_or((due, due));
    let what = format!("{} {} on {} {}", run.id, run.state, run.node, run.reason);
    let x = scale.x(start);
    rect(x, y + 2.0, (scale.x(end) - x).max(1.5), 8.0, colour(&run.state), &what)
}

fn rect(x: f64, y: f64, width: f64, height: f64, fill: &str, what: &str) -> String {
    format!(r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}" "#)
        + &format!("fill-opacity=\"0.85\"><title>{what}</title></rect>")
}

fn band_marks(plan: &Plan, scale: &Scale, bottom: f64) -> String {
    let colours = ["#fce8e6", "#e8f0fe", "#fef7e0", "#e6f4ea", "#f3e8fd"];
    let mut out = String::new();
    for (row, band) in plan.bands.iter().enumerate() {
        let y = TOP + BAND_ROW * row as f64;
        let (x, to) = (scale.x(band.from), scale.x(band.to));
        let (width, height) = ((to - x).max(2.0), bottom - y);
        let fill = colours[row % colours.len()];
        let what = format!("{} on {}", band.name, band.hosts.join(" "));
        let _ =
            write!(out, r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" "#);
        let _ = write!(out, r#"fill="{fill}" fill-opacity="0.7"/>"#);
        let _ = writeln!(out, r#"<text x="{:.1}" y="{:.1}">{what}</text>"#, x + 2.0, y + 10.0);
    }
    out
}

fn axis(plan: &Plan, scale: &Scale, bottom: f64) -> String {
    let step = if (scale.to - scale.from) / SECOND > 300 { 30 } else { 5 };
    let mut out = String::new();
    for second in (0..=(scale.to - plan.from) / SECOND).step_by(step) {
        let x = scale.x(plan.from + second * SECOND);
        let _ = write!(
            out,
            r##"<line x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom:.1}" stroke="#ddd"/>"##
        );
        let y = bottom + 14.0;
        let _ = writeln!(out, r##"<text x="{x:.1}" y="{y:.1}" fill="#666">{second} s</text>"##);
    }
    out
}

fn legend(y: f64) -> String {
    let mut out = String::new();
    let words = ["success", "failed", "lost", "timed_out", "cancelled", "unfinished"];
    for (index, word) in words.iter().enumerate() {
        let x = 4.0 + 90.0 * index as f64;
        out.push_str(&rect(x, y - 8.0, 10.0, 8.0, colour(word), word));
        let _ = writeln!(out, r#"<text x="{:.1}" y="{y:.1}">{word}</text>"#, x + 14.0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Band, History, Job, Story};

    #[test]
    fn a_picture_shows_bands_runs_and_what_is_missing() {
        let job = Job { name: "tick".into(), period: 1, ..Job::default() };
        let band = Band { name: "kill agent".into(), hosts: vec!["s1".into()], from: 2, to: 3 };
        let run = Execution {
            state: "lost".into(),
            scheduled: Some(SECOND),
            id: "x-1".into(),
            ..Execution::default()
        };
        let story = Story { executions: vec![run], ..Story::default() };
        let mut history = History::default();
        history.jobs.insert("tick".into(), story);
        let plan = Plan {
            from: 500_000,
            until: 2_500_000,
            jobs: vec![job],
            bands: vec![band],
            ..Plan::default()
        };
        let case = Case { plan, histories: vec![history], ..Case::default() };
        let svg = draw(&case, &Verdict::default());
        assert!(svg.contains("kill agent on s1"));
        assert!(svg.contains("x-1 lost"));
        assert_eq!(svg.matches("<title>missed").count(), 1);
        assert_eq!(svg.matches("<rect").count(), 10, "{svg}");
    }
}
