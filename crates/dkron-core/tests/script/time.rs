//! Times of scripts: `01:30`, `01:30:05.25`, `2d01:30`, all since 2026-01-01T00:00:00Z, and spans.

use std::time::Duration;

use dkron_core::domain::Timestamp;

/// 2026-01-01T00:00:00Z, a Thursday.
pub const START: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

pub fn is_time(word: &str) -> bool {
    let starts = word.starts_with(|letter: char| letter.is_ascii_digit());
    starts && word.contains(':') && !word.contains('=')
}

pub fn parse_time(text: &str) -> Timestamp {
    let (days, clock) = text.split_once('d').unwrap_or(("0", text));
    let days: i64 = days.parse().unwrap_or_else(|_| panic!("bad time {text}"));
    let mut parts = clock.split(':');
    let mut next = || parts.next().unwrap_or("0").to_string();
    let (hours, minutes, seconds) = (next(), next(), next());
    let number = |text: &str| text.parse::<i64>().unwrap_or_else(|_| panic!("bad time {text}"));
    let (whole, fraction) = seconds.split_once('.').unwrap_or((&seconds, ""));
    let secs = days * DAY + number(&hours) * 3600 + number(&minutes) * 60 + number(whole);
    let nanos: u32 = format!("{fraction:0<9}").parse().unwrap();
    Timestamp::new(START + secs, nanos)
}

pub fn show_time(at: Timestamp) -> String {
    let secs = at.secs() - START;
    if at.secs() == 0 {
        return "never".into();
    }
    let (days, rest) = (secs.div_euclid(DAY), secs.rem_euclid(DAY));
    let mut text = if days == 0 { String::new() } else { format!("{days}d") };
    text += &format!("{:02}:{:02}", rest / 3600, rest / 60 % 60);
    if rest % 60 != 0 || at.nanos() != 0 {
        text += &format!(":{:02}", rest % 60);
    }
    if at.nanos() != 0 {
        text += format!(".{:09}", at.nanos()).trim_end_matches('0');
    }
    text
}

/// `500ms`, `90s`, `5m`, `1h`.
pub fn parse_span(text: &str) -> Duration {
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let count: u64 = text[..text.len() - unit.len()].parse().unwrap();
    match unit {
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        "m" => Duration::from_secs(count * 60),
        "h" => Duration::from_secs(count * 3600),
        _ => panic!("bad span {text}"),
    }
}
