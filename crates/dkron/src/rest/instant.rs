//! Instants as RFC 3339 text, in and out, by the rules of Go's `time` package.

use dkron_core::domain::Timestamp;
use dkron_core::domain::civil::days;
pub use dkron_core::domain::civil::rfc3339 as format;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

const DAY: i64 = 86_400;
/// Go's name for the form.
const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// An instant with the offset (seconds ahead of UTC) under which it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub Timestamp, pub i32);

impl Instant {
    pub fn utc(at: Timestamp) -> Self {
        Instant(at, 0)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(self.0, self.1))
    }
}

impl JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// This server's clock.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = i128::try_from(since.unwrap_or_default().as_nanos());
    Timestamp::from_unix_nanos(nanos.unwrap_or(i128::MAX))
}

/// Reads a text in the strict form; the error is Go's text.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let mut rest = text;
    let fail = |rest: &str, element: &str| {
        format!("parsing time {text:?} as \"{LAYOUT}\": cannot parse {rest:?} as {element:?}")
    };
    let range = |what: &str| format!("parsing time {text:?}: {what} out of range");
    let mut parts = [0i64; 6];
    for (i, (element, digits, mark)) in [
        ("2006", 4, "-"),
        ("01", 2, "-"),
        ("02", 2, "T"),
        ("15", 2, ":"),
        ("04", 2, ":"),
        ("05", 2, ""),
    ]
    .into_iter()
    .enumerate()
    {
        let (number, after) = digits_of(rest, digits).ok_or_else(|| fail(rest, element))?;
        let last =
            if i == 2 { month_days(parts[0], parts[1]) } else { [9999, 12, 31, 23, 59, 59][i] };
        let first = i64::from(i == 1 || i == 2);
        if number < first || number > last {
            return Err(range(["year", "month", "day", "hour", "minute", "second"][i]));
        }
        parts[i] = number;
        rest = after.strip_prefix(mark).ok_or_else(|| fail(after, mark))?;
    }
    let [year, month, day, hour, minute, second] = parts;
    let (nanos, after) = fraction(rest);
    let (offset, after) = zone(after).ok_or_else(|| fail(after, "Z07:00"))?;
    if !after.is_empty() {
        return Err(format!("parsing time {text:?}: extra text: {after:?}"));
    }
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    // An offset can lead out of the years that can be written again.
    let years = Timestamp::YEAR_ONE.secs()..=Timestamp::MAX.secs();
    if !years.contains(&seconds) {
        return Err(range("year"));
    }
    Ok(Timestamp::new(seconds, nanos))
}

/// As `parse`, with `YYYY-MM-DDTHH:MM` in UTC taken too.
pub fn parse_short(text: &str) -> Result<Timestamp, String> {
    parse(text).or_else(|err| {
        let short = text.len() == 16 && text.is_ascii();
        short.then(|| parse(&format!("{text}:00Z")).ok()).flatten().ok_or(err)
    })
}

fn digits_of(text: &str, len: usize) -> Option<(i64, &str)> {
    let digits = text.get(..len).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some((digits.parse().ok()?, &text[len..]))
}

/// Digits beyond the ninth change nothing.
fn fraction(text: &str) -> (u32, &str) {
    let Some(tail) = text.strip_prefix('.') else { return (0, text) };
    let after = tail.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &tail[..tail.len() - after.len()];
    if digits.is_empty() {
        return (0, text);
    }
    let nine = format!("{:0<9}", &digits[..digits.len().min(9)]);
    (nine.parse().unwrap_or(0), after)
}

fn zone(text: &str) -> Option<(i64, &str)> {
    if let Some(after) = text.strip_prefix('Z') {
        return Some((0, after));
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, after) = digits_of(&text[1..], 2)?;
    let (minutes, after) = digits_of(after.strip_prefix(':')?, 2)?;
    (hours <= 23 && minutes <= 59).then_some((sign * (hours * 3600 + minutes * 60), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (text, secs, nanos) in [
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2000-02-29T23:59:59.5Z", 951_868_799, 500_000_000),
            ("2026-03-10T12:00:00.012396867Z", 1_773_144_000, 12_396_867),
            ("9999-12-31T23:59:59.5Z", 253_402_300_799, 500_000_000),
        ] {
            let at = Timestamp::new(secs, nanos);
            assert_eq!(parse(text), Ok(at), "{text}");
            assert_eq!(format(at, 0), text);
        }
    }

    #[test]
    fn offsets_shift_what_is_shown() {
        let at = parse("2026-03-10T13:00:00+01:00").unwrap();
        assert_eq!(format(at, 0), "2026-03-10T12:00:00Z");
        assert_eq!(format(at, 3600), "2026-03-10T13:00:00+01:00");
        assert_eq!(format(at, -17_760), "2026-03-10T07:04:00-04:56");
        assert_eq!(format(Timestamp::new(i64::MAX, 0), 0), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn refused_texts_say_why_as_go_does() {
        let empty =
            "parsing time \"\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"2006\"";
        assert_eq!(parse("").unwrap_err(), empty);
        for (text, part) in [
            ("tomorrow", "cannot parse \"tomorrow\" as \"2006\""),
            ("2024-13-01T00:00:00Z", "month out of range"),
            ("2023-02-29T00:00:00Z", "day out of range"),
            ("2024-01-01T24:00:00Z", "hour out of range"),
            ("2024-01-01 00:00:00Z", "cannot parse \" 00:00:00Z\" as \"T\""),
            ("2024-01-01T00:00:00", "cannot parse \"\" as \"Z07:00\""),
            ("2024-01-01T00:00:00Zx", "extra text: \"x\""),
            ("2024-01-01T00:00:00+1", "as \"Z07:00\""),
            ("2024-01-01T00:00:00+24:00", "as \"Z07:00\""),
            ("ünf", "as \"2006\""),
            ("9999-12-31T23:59:59-00:01", "year out of range"),
            ("0001-01-01T00:00:00+00:01", "year out of range"),
            ("0000-02-29T00:00:00Z", "year out of range"),
        ] {
            let err = parse(text).unwrap_err();
            assert!(err.contains(part), "{err}");
        }
        assert_eq!(parse_short("2024-01-02T03:04"), parse("2024-01-02T03:04:00Z"));
        assert!(parse_short("2024-01-02T03:4é").is_err());
    }
}
