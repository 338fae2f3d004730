//! The preview endpoint gives the instants of recorded schedules, and refuses bad ones.

use std::time::Duration;

use dkron_conformance::encoding::query_value;
use dkron_conformance::http::{Connection, Request, Response};
use dkron_conformance::instant;
use dkron_conformance::server::{Server, binary};
use serde::Deserialize;

const SAMPLE: &str = include_str!("../data/schedule/sample.jsonl");
const ASKED: usize = 6;
/// Zones whose law changed after the vectors were made: the product follows the newer law, and
/// the core's own tests run these lines with the zone data they were made with.
const CHANGED: [&str; 2] = ["Africa/Casablanca", "America/Havana"];
/// Lines from here on may meet the newer law.
const CHANGED_SINCE: &str = "2026";

#[derive(Deserialize)]
struct Vector {
    spec: String,
    tz: String,
    from: String,
    #[serde(default)]
    next: Vec<String>,
    error: Option<String>,
}

fn target(vector: &Vector) -> String {
    let Vector { spec, tz, from, next, .. } = vector;
    // A vector's zone is that of the schedule; a job's zone does not count for descriptors.
    let spec = match spec.starts_with('@') && vector.error.is_none() && !spec.starts_with("@every")
    {
        true => format!("CRON_TZ={tz} {spec}"),
        false => spec.clone(),
    };
    // A list that was cut short says nothing of what follows.
    let asked = if next.is_empty() { ASKED } else { next.len() };
    let [spec, tz, from] = [&spec, tz, from].map(|text| query_value(text));
    format!("/v1/schedule/preview?schedule={spec}&timezone={tz}&after={from}&n={asked}")
}

/// What is wrong with an answer, if anything.
fn problem(vector: &Vector, answer: &Response) -> Option<String> {
    let text = answer.text();
    let shown = || format!("{} in {}: {} {text}", vector.spec, vector.tz, answer.status);
    if vector.error.is_some() {
        let refused = answer.status == 400 && !text.is_empty();
        return (!refused).then(|| format!("{} (wanted 400 with a reason)", shown()));
    }
    let body = answer.json().unwrap_or_default();
    let list = body.get("next").and_then(|next| next.as_array()).cloned().unwrap_or_default();
    let got: Vec<_> = list.iter().map(|at| at.as_str().and_then(instant::parse)).collect();
    let want: Vec<_> = vector.next.iter().map(|at| instant::parse(at)).collect();
    let utc = list.iter().all(|at| at.as_str().is_some_and(|text| text.ends_with('Z')));
    let same = answer.status == 200 && got == want && utc;
    (!same).then(|| format!("{} (wanted {:?} after {})", shown(), vector.next, vector.from))
}

#[test]
fn previews_are_the_recorded_instants() {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let mut line = Connection::open(&server.url, Duration::from_secs(20)).unwrap();
    let mut problems = Vec::new();
    let mut seen = 0;
    for text in SAMPLE.lines() {
        let vector: Vector = serde_json::from_str(text).unwrap();
        if CHANGED.contains(&vector.tz.as_str()) && vector.from.as_str() >= CHANGED_SINCE {
            continue;
        }
        let answer = line.send(&Request::new("GET", &target(&vector))).unwrap();
        problems.extend(problem(&vector, &answer));
        seen += 1;
    }
    assert!(seen > 300, "only {seen} lines of the sample were read");
    assert!(problems.is_empty(), "{} of {seen}:\n{}", problems.len(), problems.join("\n"));
}
