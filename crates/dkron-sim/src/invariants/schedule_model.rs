//! When a job is due, by arithmetic of its own: it shares no code with the scheduler.

use dkron_core::domain::{Job, Timestamp};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    Never,
    /// Anchor in whole seconds, distance.
    Every(i64, i64),
    /// Seconds since the epoch that leave this rest by that divisor.
    Rest(i64, i64),
    At(i64),
}

/// The universe of schedules is that of the workload.
pub fn rule(job: &Job, anchor: Timestamp) -> Rule {
    let text = job.schedule.as_str();
    if job.parent_job.is_some() || text == "@manually" {
        return Rule::Never;
    }
    if let Some(distance) = text.strip_prefix("@every ").and_then(|rest| rest.strip_suffix('s')) {
        return Rule::Every(anchor.secs(), number(distance));
    }
    if let Some(instant) = text.strip_prefix("@at ") {
        return Rule::At(instant_of(instant));
    }
    let seconds = text.strip_suffix(" * * * * *").expect("the workload's schedules");
    match seconds.strip_prefix("*/") {
        Some(step) => Rule::Rest(0, number(step)),
        None => Rule::Rest(number(seconds), 60),
    }
}

impl Rule {
    /// The first due second after that one.
    pub fn after(self, secs: i64) -> Option<i64> {
        match self {
            Rule::Never => None,
            Rule::Every(anchor, step) => {
                let steps = (secs - anchor).div_euclid(step).max(0) + 1;
                Some(anchor + steps * step)
            }
            Rule::Rest(rest, step) => Some(secs + 1 + (rest - secs - 1).rem_euclid(step)),
            Rule::At(instant) => (instant > secs).then_some(instant),
        }
    }
}

fn number(text: &str) -> i64 {
    text.parse().expect("the workload's schedules")
}

/// `2026-01-01T00:00:00Z`, by counting days one after the other.
fn instant_of(text: &str) -> i64 {
    let part = |from: usize, to: usize| number(&text[from..to]);
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut days: i64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    days += lengths.iter().take(month as usize - 1).sum::<i64>() + day - 1;
    days * 86_400 + part(11, 13) * 3600 + part(14, 16) * 60 + part(17, 19)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_seconds() {
        assert_eq!(Rule::Every(100, 7).after(100), Some(107));
        assert_eq!(Rule::Every(100, 7).after(106), Some(107));
        assert_eq!(Rule::Every(100, 7).after(107), Some(114));
        assert_eq!(Rule::Every(100, 7).after(20), Some(107));
        assert_eq!(Rule::Rest(0, 10).after(10), Some(20));
        assert_eq!(Rule::Rest(15, 60).after(14), Some(15));
        assert_eq!(Rule::Rest(15, 60).after(15), Some(75));
        assert_eq!(Rule::At(5).after(5), None);
        assert_eq!(instant_of("2026-01-01T00:00:00Z"), 1_767_225_600);
        assert_eq!(instant_of("2024-02-29T12:34:56Z"), 1_709_210_096);
    }
}
