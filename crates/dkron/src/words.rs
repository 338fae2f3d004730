//! The words of policies and settings, both ways: durations in Go's notation, names for choices.
//! A refusal says what would be right; the field is named by whoever asks.

use std::time::Duration;

use dkron_core::domain::{
    Backoff, Concurrency, Dst, Misfire, OnLost, RetryNode, go_duration, limits,
};

pub const CONCURRENCIES: &[(&str, Concurrency)] = &[
    ("allow", Concurrency::Allow),
    ("forbid", Concurrency::Forbid),
    ("queue", Concurrency::Queue),
    ("replace", Concurrency::Replace),
];
pub const BACKOFFS: &[(&str, Backoff)] = &[
    ("exponential", Backoff::Exponential),
    ("linear", Backoff::Linear),
    ("fixed", Backoff::Fixed),
];
pub const RETRY_NODES: &[(&str, RetryNode)] = &[
    ("prefer", RetryNode::Prefer),
    ("same", RetryNode::Same),
    ("other", RetryNode::Other),
    ("any", RetryNode::Any),
];
pub const DSTS: &[(&str, Dst)] = &[("dkron", Dst::Dkron), ("once", Dst::Once)];
pub const ON_LOST: &[(&str, OnLost)] =
    &[("kill", OnLost::Kill), ("leave", OnLost::Leave), ("hold", OnLost::Hold)];

/// Letters of a client's text that a refusal repeats.
const SHOWN: usize = 64;

/// A client's text as a refusal shows it.
pub fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).collect();
    format!("\"{}\"", cut.escape_debug())
}

/// The value that `text` names.
pub fn choice<T: Copy>(text: &str, all: &[(&str, T)]) -> Result<T, String> {
    let found = all.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        format!("{} is unknown, use {}", shown(text), any_of(all.iter().map(|(word, _)| *word)))
    })
}

/// The word for a value.
pub fn word<T: Copy + PartialEq>(value: T, all: &[(&'static str, T)]) -> &'static str {
    all.iter().find(|(_, each)| *each == value).map_or("", |(word, _)| word)
}

/// `"a", "b" or "c"`.
pub fn any_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// A duration that is not below zero.
pub fn span(text: &str) -> Result<Duration, String> {
    match go_duration::parse(text) {
        Ok(nanos) => match u64::try_from(nanos) {
            Ok(nanos) => Ok(Duration::from_nanos(nanos)),
            Err(_) => Err(format!("{} is below zero, a duration can not be", shown(text))),
        },
        Err(_) => {
            let text = shown(text);
            Err(format!("{text} is no duration, write one such as \"90s\" or \"1h30m\""))
        }
    }
}

/// Why a number is no duration.
pub fn unitless(number: &str) -> String {
    let plain = number.chars().take(SHOWN).collect::<String>();
    format!("{plain} has no unit, write \"{plain}s\" for seconds")
}

/// A duration in Go's normal form.
pub fn span_text(span: Duration) -> String {
    go_duration::format(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}

/// `skip`, `run_once`, `run_all` (as many as may be) or `run_all(5)`.
pub fn misfire(text: &str) -> Result<Misfire, String> {
    match text {
        "skip" => return Ok(Misfire::Skip),
        "run_once" => return Ok(Misfire::RunOnce),
        "run_all" => return Ok(Misfire::RunAll { max: limits::MISFIRE_MOST }),
        _ => {}
    }
    let inner = text.strip_prefix("run_all(").and_then(|rest| rest.strip_suffix(')'));
    match inner.map(|number| number.trim().parse::<u32>()) {
        Some(Ok(max)) if (1..=limits::MISFIRE_MOST).contains(&max) => Ok(Misfire::RunAll { max }),
        Some(_) => {
            Err(format!("{} wants a number from 1 to {}", shown(text), limits::MISFIRE_MOST))
        }
        None => Err(format!(
            "{} is unknown, use \"skip\", \"run_once\", \"run_all\" or \"run_all(5)\"",
            shown(text)
        )),
    }
}

pub fn misfire_text(misfire: Misfire) -> String {
    match misfire {
        Misfire::Skip => "skip".to_owned(),
        Misfire::RunOnce => "run_once".to_owned(),
        Misfire::RunAll { max } => format!("run_all({max})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misfires_both_ways() {
        for text in ["skip", "run_once", "run_all(1)", "run_all(1000)"] {
            assert_eq!(misfire_text(misfire(text).unwrap()), text);
        }
        assert_eq!(misfire("run_all").unwrap(), Misfire::RunAll { max: 1000 });
        assert_eq!(misfire("run_all( 5 )").unwrap(), Misfire::RunAll { max: 5 });
        for text in ["", "Skip", "run_all()", "run_all(0)", "run_all(1001)", "run_all(x)", "all"] {
            assert!(misfire(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_both_ways() {
        assert_eq!(span("1h30m").unwrap(), Duration::from_secs(5400));
        assert_eq!(span_text(Duration::from_millis(1500)), "1.5s");
        for (text, said) in [
            ("90", "\"90\" is no duration, write one such as \"90s\" or \"1h30m\""),
            ("-2s", "\"-2s\" is below zero, a duration can not be"),
            ("\n", "\"\\n\" is no duration, write one such as \"90s\" or \"1h30m\""),
        ] {
            assert_eq!(span(text).unwrap_err(), said);
        }
        assert_eq!(unitless("90"), "90 has no unit, write \"90s\" for seconds");
    }

    #[test]
    fn choices_both_ways() {
        assert_eq!(choice("linear", BACKOFFS), Ok(Backoff::Linear));
        assert_eq!(word(OnLost::Hold, ON_LOST), "hold");
        assert_eq!(
            choice("quick", BACKOFFS).unwrap_err(),
            "\"quick\" is unknown, use \"exponential\", \"linear\" or \"fixed\""
        );
        for (word, value) in CONCURRENCIES {
            assert_eq!(value.word(), *word);
        }
    }
}
