//! Texts to values by the rules of Go's flag and time packages.

use std::time::Duration;

/// `1`, `t`, `T`, `true`, `True`, `TRUE` and their opposites.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A Go duration such as `1h30m`, `500ms` or `0`; `None` for anything else and for negative ones.
pub fn duration(text: &str) -> Option<Duration> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if unsigned == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = unsigned;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (whole, after) = rest.split_at(digits);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(tail) => {
                let len = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                tail.split_at(len)
            }
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let scale = nanos_of(unit)?;
        if whole.len() > 19 {
            return None;
        }
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(scale)?)?;
        total = total.checked_add(part_of(fraction, scale))?;
        if total > i64::MAX as u128 {
            return None;
        }
        rest = after;
    }
    (!unsigned.is_empty()).then(|| Duration::from_nanos(total as u64))
}

fn nanos_of(unit: &str) -> Option<u128> {
    match unit {
        "ns" => Some(1),
        "us" | "µs" | "μs" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    }
}

/// `0.fraction * scale`, cut to whole nanoseconds; digits beyond the 18th change nothing.
fn part_of(fraction: &str, scale: u128) -> u128 {
    let kept = &fraction[..fraction.len().min(18)];
    let value: u128 = kept.parse().unwrap_or(0);
    value * scale / 10u128.pow(kept.len() as u32)
}

/// One line of comma-separated values; a value in double quotes may hold commas, `""` is a quote.
pub fn list(text: &str) -> Result<Vec<String>, String> {
    let mut items = Vec::new();
    let mut chars = text.chars().peekable();
    if chars.peek().is_none() {
        return Ok(items);
    }
    loop {
        let mut item = String::new();
        if chars.peek() == Some(&'"') {
            chars.next();
            loop {
                match chars.next() {
                    Some('"') if chars.peek() == Some(&'"') => {
                        chars.next();
                        item.push('"');
                    }
                    Some('"') => break,
                    Some(c) => item.push(c),
                    None => return Err(format!("the quote in `{text}` is not closed")),
                }
            }
        }
        while let Some(&c) = chars.peek() {
            if c == ',' {
                break;
            }
            item.push(c);
            chars.next();
        }
        items.push(item);
        if chars.next().is_none() {
            return Ok(items);
        }
    }
}
