//! Durations in the notation of Go: `300ms`, `-1.5h`, `2h45m`.
//!
//! Jobs carry them as text (`timeout`), and texts that people see quote them in their normal form.

use alloc::format;
use alloc::string::String;

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The text is not a duration, or it does not fit 64 bits of nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidDuration;

/// Nanoseconds of a duration text.
///
/// # Errors
/// If the text is empty, a number lacks its unit (only `0` may), or the sum overflows.
pub fn parse(text: &str) -> Result<i64, InvalidDuration> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(InvalidDuration);
    }
    // Negative values reach one further than positive ones, so the sum is kept unsigned.
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (part, tail) = parse_part(rest)?;
        total = total.checked_add(part).filter(|sum| *sum <= 1 << 63).ok_or(InvalidDuration)?;
        rest = tail;
    }
    match (negative, i64::try_from(total)) {
        (false, value) => value.map_err(|_| InvalidDuration),
        (true, Ok(value)) => Ok(-value),
        (true, Err(_)) => Ok(i64::MIN),
    }
}

fn parse_part(text: &str) -> Result<(u64, &str), InvalidDuration> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => split_digits(after),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(InvalidDuration);
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let scale = UNITS.iter().find(|(name, _)| *name == unit).ok_or(InvalidDuration)?.1;

    let whole: u64 =
        if whole.is_empty() { 0 } else { whole.parse().map_err(|_| InvalidDuration)? };
    let mut nanos = whole.checked_mul(scale).ok_or(InvalidDuration)?;
    // Digits beyond a nanosecond are cut; 18 digits keep the product within 128 bits.
    let digits = &fraction[..fraction.len().min(18)];
    if !digits.is_empty() {
        let value: u64 = digits.parse().map_err(|_| InvalidDuration)?;
        let power = 10u128.pow(u32::try_from(digits.len()).map_err(|_| InvalidDuration)?);
        let part = u128::from(value) * u128::from(scale) / power;
        nanos =
            u64::try_from(part).ok().and_then(|p| nanos.checked_add(p)).ok_or(InvalidDuration)?;
    }
    Ok((nanos, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The normal form of a duration: `1m30s`, `1.5s`, `250ms`, `0s`.
#[must_use]
pub fn format(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let value = nanos.unsigned_abs();
    if value == 0 {
        return String::from("0s");
    }
    if value < 1_000_000_000 {
        let (scale, unit) = match value {
            0..=999 => (1, "ns"),
            1_000..=999_999 => (1_000, "\u{b5}s"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{unit}", decimal(value, scale));
    }
    let seconds = value / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(value % 60_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

fn decimal(value: u64, scale: u64) -> String {
    let (whole, part) = (value / scale, value % scale);
    if part == 0 {
        return format!("{whole}");
    }
    let width = scale.ilog10() as usize;
    let text = format!("{whole}.{part:0width$}");
    String::from(text.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, nanos) in [
            ("0", 0),
            ("-0", 0),
            ("10s", 10_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-2m", -120_000_000_000),
            ("+2ms", 2_000_000),
            ("3us4\u{b5}s5\u{3bc}s", 12_000),
            ("1m1m", 120_000_000_000),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
        for text in [
            "",
            "-",
            "10",
            "s",
            ".s",
            "1x",
            "1 s",
            " 1s",
            "1s ",
            "1d",
            "1..5s",
            "1S",
            "9223372036854775808ns",
            "99999999999h",
            "1.5.5s",
            "\u{e9}",
        ] {
            assert_eq!(parse(text), Err(InvalidDuration), "{text}");
        }
    }

    #[test]
    fn writes_what_go_writes() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5\u{b5}s"),
            (250_000_000, "250ms"),
            (1_000_000_000, "1s"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (-1_000_000_001, "-1.000000001s"),
            (60_050_000_000, "1m0.05s"),
        ] {
            assert_eq!(format(nanos), text);
        }
        assert_eq!(parse(&format(i64::MIN)), Ok(i64::MIN));
    }
}
