//! Recorded and computed instants of schedules, as data.
//!
//! Every line runs with the zone data it was computed with, to its last instant. It runs with the
//! data that the product ships too, unless it reaches beyond a change of the law since then.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod schedule_support;

use std::collections::BTreeSet;

use dkron_core::domain::Timestamp;
use dkron_core::schedule::{ParseError, Schedule, Zone, zone_data_version};
use schedule_support::{instant, instants, lines, recorded, text};
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

/// Where the shipped rules part from those of the files, and since when.
const CHANGED: [(&str, &str); 2] =
    [("Africa/Casablanca", "2026-09-20T01:00:00Z"), ("America/Havana", "2026-11-01T05:00:00Z")];

fn changed_since(zone: &str) -> Option<Timestamp> {
    CHANGED.iter().find(|(name, _)| *name == zone).map(|(_, since)| instant(since))
}

/// A line that gives instants.
struct Line<'a> {
    spec: &'a str,
    job: &'a str,
    from: Timestamp,
    expected: Vec<Timestamp>,
    /// Fewer instants than these mean that there are no more.
    full: usize,
}

impl Line<'_> {
    /// Whether the shipped rules may give other instants than the line.
    fn outlived(&self, zone: &str) -> bool {
        let beyond = |since| self.expected.iter().chain([&self.from]).any(|t| *t >= since);
        changed_since(zone).is_some_and(beyond)
    }

    /// What is wrong under either set of rules. `shipped` is the line parsed as the product does.
    fn fault(&self, shipped: &Schedule) -> Option<String> {
        let name = shipped.zone().name();
        let zone = recorded(name);
        let schedule = Schedule::parse(self.spec, self.job, "", &zone).unwrap();
        if schedule.zone() != &zone {
            // It names its zone itself, so it cannot be given another.
            assert!(changed_since(name).is_none() && schedule.zone().name() == name, "{name}");
        }
        let with = |data: &str, fault: String| format!("with {data}: {fault}");
        self.differs(&schedule).map(|fault| with("2025b", fault)).or_else(|| {
            let fault = if self.outlived(name) { None } else { self.differs(shipped) };
            fault.map(|fault| with(zone_data_version(), fault))
        })
    }

    fn differs(&self, schedule: &Schedule) -> Option<String> {
        let last = self.expected.last().copied().unwrap_or(self.from);
        fault(schedule, self.from, &self.expected).or_else(|| {
            let ends = self.expected.len() < self.full;
            let more = ends.then(|| schedule.next(last, self.from)).flatten();
            more.map(|next| format!("{next:?} instead of never"))
        })
    }
}

/// Faults and lines that the shipped rules have outlived.
#[derive(Default)]
struct Tally {
    faults: Vec<String>,
    outlived: usize,
}

impl Tally {
    fn add(&mut self, line: &Value, fault: Option<String>) {
        self.faults.extend(fault.map(|fault| format!("{line}: {fault}")));
    }

    fn check(mut self, name: &str, outlived: usize) {
        let faults = self.faults.len();
        self.faults.truncate(20);
        assert!(faults == 0, "{name}: {faults} faults\n{}", self.faults.join("\n"));
        assert_eq!(self.outlived, outlived, "{name}: lines not run with the shipped rules");
    }
}

fn parse_row(row: &Value) -> Result<Schedule, ParseError> {
    let local = Zone::parse(text(row, "local")).unwrap();
    Schedule::parse(text(row, "schedule"), text(row, "job"), text(row, "timezone"), &local)
}

#[test]
fn rows_of_the_grammar() {
    let rows = lines("rows.jsonl");
    assert_eq!(rows.len(), 278);
    let mut tally = Tally::default();
    for row in &rows {
        let fault = match (parse_row(row), row.get("error")) {
            (Ok(schedule), None) => {
                let (spec, job) = (text(row, "schedule"), text(row, "job"));
                let (from, expected) = (instant(text(row, "from")), instants(row));
                let line = Line { spec, job, from, expected, full: 3 };
                tally.outlived += usize::from(line.outlived(schedule.zone().name()));
                line.fault(&schedule)
            }
            (Ok(_), Some(_)) => Some("accepted".to_string()),
            (Err(error), None) => Some(format!("refused: {error}")),
            (Err(_), Some(Value::Null)) => None,
            (Err(error), Some(message)) => {
                (message != error.message()).then(|| format!("said {error}"))
            }
        };
        tally.add(row, fault);
    }
    tally.check("rows", 2);
}

/// What is wrong with a refusal.
fn refusal_fault(vector: &Value, error: &ParseError) -> Option<String> {
    match vector.get("error") {
        None => Some(format!("refused: {error}")),
        Some(_) if vector.get("accept").is_some() => Some(format!("refused: {error}")),
        // The library has no text for a field without a value, and Dkron one of its own
        // for no text at all.
        Some(Value::String(text)) if text.starts_with("a field with no value") => None,
        Some(_) if vector["spec"] == "" => {
            (error.message() != "empty spec string").then(|| format!("said {error}"))
        }
        Some(message) => (message != error.message()).then(|| format!("said {error}")),
    }
}

fn run(vectors: &[Value], full: usize) -> Tally {
    let mut tally = Tally::default();
    for vector in vectors {
        let (spec, job) = (text(vector, "spec"), "job");
        let zone = Zone::parse(text(vector, "tz")).unwrap();
        let accepted = vector.get("accept").is_some();
        let fault = match Schedule::parse(spec, job, "", &zone) {
            Ok(schedule) if !accepted && vector.get("next").is_some() => {
                let (from, expected) = (instant(text(vector, "from")), instants(vector));
                let line = Line { spec, job, from, expected, full };
                tally.outlived += usize::from(line.outlived(zone.name()));
                line.fault(&schedule)
            }
            Ok(_) => (!accepted).then(|| "accepted".to_string()),
            Err(error) => refusal_fault(vector, &error),
        };
        tally.add(vector, fault);
    }
    tally
}

#[test]
fn vectors_of_the_library() {
    let vectors = lines("vectors.jsonl");
    assert_eq!(vectors.len(), 11_547);
    run(&vectors, 6).check("vectors", 555);
}

/// Short lists are no promise here that nothing follows; only empty ones are.
#[test]
fn schedules_accepted_on_top() {
    let vectors = lines("on_top.jsonl");
    assert_eq!(vectors.len(), 115);
    run(&vectors, 1).check("on top", 1);
}

/// The first second from 2000 on, to the middle of the century, with two offsets.
fn parting(old: &Zone, new: &Zone) -> Option<Timestamp> {
    const STEP: usize = 6 * 3_600;
    let differ = |secs: i64| {
        let at = Timestamp::from_secs(secs);
        old.offset_at(at) != new.offset_at(at)
    };
    let century = instant("2000-01-01T00:00:00Z").secs()..instant("2050-01-01T00:00:00Z").secs();
    let seen = century.step_by(STEP).find(|secs| differ(*secs))?;
    let first = (seen - STEP as i64..=seen).find(|secs| differ(*secs));
    first.map(Timestamp::from_secs)
}

/// A release that changes one of these zones shows here: then `CHANGED` needs another line.
#[test]
fn the_table_of_changed_laws_is_complete() {
    let files = ["rows.jsonl", "vectors.jsonl", "on_top.jsonl"];
    let all: Vec<Value> = files.iter().flat_map(|file| lines(file)).collect();
    let names = all.iter().flat_map(|line| ["tz", "timezone", "local"].map(|key| line.get(key)));
    let names: BTreeSet<_> = names.flatten().filter_map(Value::as_str).collect();
    let known = names.iter().filter_map(|name| Zone::parse(name).ok());
    let found: Vec<_> = known
        .filter(|zone| zone.name() != "UTC")
        .filter_map(|zone| {
            let since = parting(&recorded(zone.name()), &zone)?;
            Some((zone.name().to_string(), since))
        })
        .collect();
    let table = CHANGED.map(|(name, since)| (name.to_string(), instant(since)));
    assert_eq!(found, table, "shipped rules are {}", zone_data_version());
}

/// Cuba leaves its clocks on summer time in the winter of 2026, and Morocco goes back to Greenwich
/// time for good in September 2026. The product knows, the recorded files could not.
#[test]
fn the_product_follows_the_newer_law() {
    let both = |spec: &str, name: &str, from: &str| {
        let days = |zone: Zone| {
            let schedule = Schedule::parse(spec, "job", "", &zone).unwrap();
            successive(&schedule, instant(from), 3)
        };
        (days(recorded(name)), days(Zone::parse(name).unwrap()))
    };
    let dates = |dates: [&str; 3]| dates.map(instant).to_vec();

    let (old, new) = both("0 30 0 * * *", "America/Havana", "2026-10-31T12:00:00Z");
    assert_eq!(
        old,
        dates([
            "2026-11-01T00:30:00-04:00",
            "2026-11-01T00:30:00-05:00",
            "2026-11-02T00:30:00-05:00"
        ]),
        "the clocks would have gone back: half past midnight twice"
    );
    assert_eq!(
        new,
        dates([
            "2026-11-01T00:30:00-04:00",
            "2026-11-02T00:30:00-04:00",
            "2026-11-03T00:30:00-04:00"
        ]),
        "they stay: once a day, an hour earlier by UTC than it would have been"
    );

    let (old, new) = both("0 0 12 * * *", "Africa/Casablanca", "2026-09-18T18:00:00Z");
    assert_eq!(
        old,
        dates([
            "2026-09-19T12:00:00+01:00",
            "2026-09-20T12:00:00+01:00",
            "2026-09-21T12:00:00+01:00"
        ]),
        "noon would have stayed an hour ahead of Greenwich"
    );
    assert_eq!(
        new,
        dates([
            "2026-09-19T12:00:00+01:00",
            "2026-09-20T12:00:00+00:00",
            "2026-09-21T12:00:00+00:00"
        ]),
        "from 20 September on noon is Greenwich's"
    );
}
