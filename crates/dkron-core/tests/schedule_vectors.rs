//! Recorded and computed instants of schedules, as data.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod schedule_support;

use dkron_core::domain::Timestamp;
use dkron_core::schedule::{ParseError, Schedule, Zone};
use schedule_support::{instant, instants, lines, text};
use serde_json::Value;

fn successive(schedule: &Schedule, from: Timestamp, count: usize) -> Vec<Timestamp> {
    let mut found = Vec::new();
    let mut at = from;
    while found.len() < count {
        let Some(next) = schedule.next(at, from) else {
            break;
        };
        found.push(next);
        at = next;
    }
    found
}

/// What is wrong with the instants, if anything: forwards, backwards and counted.
fn fault(schedule: &Schedule, from: Timestamp, expected: &[Timestamp]) -> Option<String> {
    let found = successive(schedule, from, expected.len());
    if found != expected {
        return Some(format!("found {found:?}, expected {expected:?}"));
    }
    for pair in expected.windows(2) {
        if schedule.prev(pair[1], from) != Some(pair[0]) {
            return Some(format!("before {:?}: {:?}", pair[1], schedule.prev(pair[1], from)));
        }
    }
    let last = *expected.last()?;
    let count = schedule.count(from, last, u64::MAX, from);
    (count != expected.len() as u64).then(|| format!("counted {count} up to {last:?}"))
}

/// Zones whose law has changed since the files were written (rules of 2025b), and when the
/// files become wrong. What lies before stays comparable.
const CHANGED: [(&str, &str); 2] =
    [("Africa/Casablanca", "2026-09-20T01:00:00Z"), ("America/Havana", "2026-11-01T05:00:00Z")];

/// The instants that today's rules still give, and whether any had to go.
fn still_valid(zone: &Zone, from: Timestamp, expected: Vec<Timestamp>) -> (Vec<Timestamp>, bool) {
    let changed = CHANGED.iter().find(|(name, _)| *name == zone.name());
    let Some(since) = changed.map(|(_, since)| instant(since)) else {
        return (expected, false);
    };
    let cut = from >= since || expected.iter().any(|t| *t >= since);
    (expected.into_iter().filter(|t| *t < since && from < since).collect(), cut)
}

fn check(name: &str, faults: &[String], lines: usize) {
    assert!(faults.is_empty(), "{name}: {} of {lines}\n{}", faults.len(), faults.join("\n"));
}

fn parse_row(row: &Value) -> Result<Schedule, ParseError> {
    let local = Zone::parse(text(row, "local")).unwrap();
    Schedule::parse(text(row, "schedule"), text(row, "job"), text(row, "timezone"), &local)
}

#[test]
fn rows_of_the_grammar() {
    let rows = lines("rows.jsonl");
    assert_eq!(rows.len(), 278);
    let mut faults = Vec::new();
    for row in &rows {
        let fault = match (parse_row(row), row.get("error")) {
            (Ok(schedule), None) => {
                let from = instant(text(row, "from"));
                let (expected, cut) = still_valid(schedule.zone(), from, instants(row));
                let ends = expected.len() < 3 && !cut;
                let last = expected.last().copied().unwrap_or(from);
                fault(&schedule, from, &expected).or_else(|| {
                    let more = ends.then(|| schedule.next(last, from)).flatten();
                    more.map(|next| format!("{next:?} instead of never"))
                })
            }
            (Ok(_), Some(_)) => Some("accepted".to_string()),
            (Err(error), None) => Some(format!("refused: {error}")),
            (Err(_), Some(Value::Null)) => None,
            (Err(error), Some(message)) => {
                (message != error.message()).then(|| format!("said {error}"))
            }
        };
        faults.extend(fault.map(|fault| format!("{row}: {fault}")));
    }
    check("rows", &faults, rows.len());
}

/// `complete`: fewer than six instants mean that there are no more.
fn run(file: &str, count: usize, complete: bool) {
    let vectors = lines(file);
    assert_eq!(vectors.len(), count);
    let mut faults = Vec::new();
    for vector in &vectors {
        let zone = Zone::parse(text(vector, "tz")).unwrap();
        let from = instant(text(vector, "from"));
        let accepted = vector.get("accept").is_some();
        let fault = match (Schedule::parse(text(vector, "spec"), "job", "", &zone), accepted) {
            (Ok(schedule), false) if vector.get("next").is_some() => {
                let (expected, cut) = still_valid(&zone, from, instants(vector));
                let last = expected.last().copied().unwrap_or(from);
                let ended = !cut && (expected.is_empty() || (complete && expected.len() < 6));
                let more = ended.then(|| schedule.next(last, from)).flatten();
                fault(&schedule, from, &expected).or_else(|| more.map(|t| format!("also {t:?}")))
            }
            (Ok(_), accepted) => (!accepted).then(|| "accepted".to_string()),
            (Err(error), _) => match vector.get("error") {
                None => Some(format!("refused: {error}")),
                Some(_) if accepted => Some(format!("refused: {error}")),
                // The library has no text for a field without a value, and Dkron one of its own
                // for no text at all.
                Some(Value::String(text)) if text.starts_with("a field with no value") => None,
                Some(_) if vector["spec"] == "" => {
                    (error.message() != "empty spec string").then(|| format!("said {error}"))
                }
                Some(message) => (message != error.message()).then(|| format!("said {error}")),
            },
        };
        faults.extend(fault.map(|fault| format!("{vector}: {fault}")));
    }
    faults.truncate(20);
    check(file, &faults, vectors.len());
}

#[test]
fn vectors_of_the_library() {
    run("vectors.jsonl", 11_547, true);
}

#[test]
fn schedules_accepted_on_top() {
    run("on_top.jsonl", 115, false);
}
