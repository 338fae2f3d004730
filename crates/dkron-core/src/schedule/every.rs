//! `@every`: instants at a fixed distance from an anchor, blind to zones and wall clocks.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::quote;
use crate::domain::Timestamp;

const NANOS_PER_SEC: i64 = 1_000_000_000;
/// The magnitude of the least 64-bit number of nanoseconds.
const LIMIT: u64 = 1 << 63;

/// A distance of whole seconds, at least one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Every {
    secs: i64,
}

impl Every {
    /// Shorter distances, negative ones too, become a second; parts of a second are dropped.
    pub(super) fn from_nanos(nanos: i64) -> Every {
        Every { secs: (nanos / NANOS_PER_SEC).max(1) }
    }

    pub(super) fn distance(self) -> Duration {
        Duration::from_secs(self.secs.unsigned_abs())
    }

    /// The first instant at or after the second `from`.
    pub(super) fn first_from(self, from: i64, anchor: Timestamp) -> Option<i64> {
        self.instant(self.steps_before(from, anchor) + 1, anchor)
    }

    /// The last instant at or before the second `until`.
    pub(super) fn last_until(self, until: i64, anchor: Timestamp) -> Option<i64> {
        match self.steps_before(until.saturating_add(1), anchor) {
            0 => None,
            steps => self.instant(steps, anchor),
        }
    }

    /// How many instants lie in `from..=until`.
    pub(super) fn count(self, from: i64, until: i64, anchor: Timestamp) -> u64 {
        let upto = self.steps_before(until.saturating_add(1), anchor);
        let below = self.steps_before(from, anchor);
        u64::try_from(upto - below).unwrap_or(0)
    }

    /// How many instants lie before the second `end`; the anchor itself is none.
    fn steps_before(self, end: i64, anchor: Timestamp) -> i128 {
        let gone = i128::from(end) - 1 - i128::from(anchor.secs());
        gone.div_euclid(i128::from(self.secs)).max(0)
    }

    fn instant(self, steps: i128, anchor: Timestamp) -> Option<i64> {
        i64::try_from(i128::from(anchor.secs()) + steps * i128::from(self.secs)).ok()
    }
}

/// Reads a duration such as `1h30m` or `-1.5s` into nanoseconds.
pub(super) fn parse_duration(written: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote::time(written.as_bytes()));
    let (negative, mut rest) = match written.as_bytes().first() {
        Some(b'-') => (true, &written[1..]),
        Some(b'+') => (false, &written[1..]),
        _ => (false, written),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let number = leading_number(rest).ok_or_else(invalid)?;
        let unit_end = number.rest.find(|c: char| c == '.' || c.is_ascii_digit());
        let (unit, behind) = number.rest.split_at(unit_end.unwrap_or(number.rest.len()));
        if unit.is_empty() {
            let quoted = quote::time(written.as_bytes());
            return Err(format!("time: missing unit in duration {quoted}"));
        }
        let nanos = unit_nanos(unit).ok_or_else(|| {
            let (unit, whole) = (quote::time(unit.as_bytes()), quote::time(written.as_bytes()));
            format!("time: unknown unit {unit} in duration {whole}")
        })?;
        let part = number.times(nanos).ok_or_else(invalid)?;
        total = total.checked_add(part).filter(|sum| *sum <= LIMIT).ok_or_else(invalid)?;
        rest = behind;
    }
    match (negative, i64::try_from(total)) {
        (false, positive) => positive.map_err(|_| invalid()),
        (true, Ok(magnitude)) => Ok(-magnitude),
        (true, Err(_)) => Ok(i64::MIN),
    }
}

/// A number with an optional fraction: `whole + fraction / scale`.
struct Number<'a> {
    whole: u64,
    fraction: u64,
    scale: f64,
    rest: &'a str,
}

impl Number<'_> {
    /// In nanoseconds, given those of its unit; the fraction is rounded as Dkron rounds it.
    fn times(&self, unit: u64) -> Option<u64> {
        let whole = self.whole.checked_mul(unit).filter(|product| *product <= LIMIT)?;
        let fraction = (self.fraction as f64 * (unit as f64 / self.scale)) as u64;
        whole.checked_add(fraction).filter(|sum| *sum <= LIMIT)
    }
}

fn leading_number(text: &str) -> Option<Number<'_>> {
    let digits = digits_at(text);
    let mut whole = 0_u64;
    for digit in text[..digits].bytes() {
        let shifted = whole.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        whole = Some(shifted).filter(|value| *value <= LIMIT)?;
    }
    let mut number = Number { whole, fraction: 0, scale: 1.0, rest: &text[digits..] };
    let Some(behind) = number.rest.strip_prefix('.') else {
        return (digits > 0).then_some(number);
    };
    let places = digits_at(behind);
    if digits + places == 0 {
        return None;
    }
    for digit in behind[..places].bytes() {
        // Places beyond 64 bits are too small to matter.
        let wider =
            number.fraction.checked_mul(10).map(|shifted| shifted + u64::from(digit - b'0'));
        match wider.filter(|value| *value <= LIMIT) {
            Some(value) => (number.fraction, number.scale) = (value, number.scale * 10.0),
            None => break,
        }
    }
    number.rest = &behind[places..];
    Some(number)
}

fn digits_at(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn unit_nanos(unit: &str) -> Option<u64> {
    match unit {
        "ns" => Some(1),
        // Both the micro sign and the Greek letter are in use.
        "us" | "\u{b5}s" | "\u{3bc}s" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    }
}
