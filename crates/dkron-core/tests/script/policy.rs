//! Wishes beyond Dkron's fields, from the pairs of a definition.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{
    Backoff, Dst, Misfire, OnLost, Policy, Retry, RetryNode, RetryOn, Settings,
};

use super::{Line, parse_span};

/// Takes the policy's words; a definition without any has no policy.
pub fn policy(line: &mut Line) -> Option<Arc<Policy>> {
    let number = |line: &mut Line, key: &str| line.number(key).map(|number| number as u32);
    let policy = Policy {
        queue_depth: number(line, "queue_depth").unwrap_or(0),
        misfire: misfire(line),
        misfire_threshold: span(line, "threshold"),
        start_deadline: span(line, "deadline"),
        retry: retry(line),
        dst: one_of(line, "dst", &[("dkron", Dst::Dkron), ("once", Dst::Once)]),
        jitter: span(line, "jitter").unwrap_or_default(),
        max_runtime: span(line, "max_runtime"),
        on_lost: one_of(
            line,
            "on_lost",
            &[("kill", OnLost::Kill), ("leave", OnLost::Leave), ("hold", OnLost::Hold)],
        ),
        lost_after: span(line, "lost_after"),
        keep_executions: number(line, "keep"),
        keep_for: span(line, "keep_for"),
        output_limit: number(line, "output_limit"),
    };
    (policy != Policy::default()).then(|| Arc::new(policy))
}

/// Changes the settings that a line names.
pub fn change_settings(settings: &mut Settings, line: &mut Line) {
    if let Some(zone) = line.key("zone") {
        settings.zone = zone;
    }
    let set = |field: &mut Duration, given: Option<Duration>| {
        given.into_iter().for_each(|given| *field = given);
    };
    set(&mut settings.misfire_threshold, span(line, "threshold"));
    set(&mut settings.start_deadline, span(line, "deadline"));
    set(&mut settings.lost_after, span(line, "lost_after"));
    settings.misfire = misfire(line).unwrap_or(settings.misfire);
    let rate = line.number("catch_up_rate").map(|rate| rate as u32);
    settings.catch_up_rate = rate.unwrap_or(settings.catch_up_rate);
    let keep = line.number("keep").map(|keep| keep as u32);
    settings.keep_executions = keep.unwrap_or(settings.keep_executions);
    settings.keep_for = span(line, "keep_for").or(settings.keep_for);
}

fn misfire(line: &mut Line) -> Option<Misfire> {
    let text = line.key("misfire")?;
    Some(match text.split_once(':') {
        Some(("run_all", max)) => Misfire::RunAll { max: max.parse().expect("a number") },
        _ if text == "skip" => Misfire::Skip,
        _ if text == "run_once" => Misfire::RunOnce,
        _ => line.fail("no misfire"),
    })
}

fn retry(line: &mut Line) -> Retry {
    let growth = [
        ("exponential", Backoff::Exponential),
        ("linear", Backoff::Linear),
        ("fixed", Backoff::Fixed),
    ];
    let nodes = [
        ("prefer", RetryNode::Prefer),
        ("same", RetryNode::Same),
        ("other", RetryNode::Other),
        ("any", RetryNode::Any),
    ];
    Retry {
        delay: span(line, "retry.delay"),
        backoff: one_of(line, "retry.backoff", &growth),
        max_delay: span(line, "retry.max_delay"),
        jitter: span(line, "retry.jitter").unwrap_or_default(),
        node: one_of(line, "retry.node", &nodes),
        on: line.key("retry.on").map_or(RetryOn::DEFAULT, |text| {
            let has = |word| text.split(',').any(|one| one == word);
            RetryOn { failed: has("failed"), timed_out: has("timed_out"), lost: has("lost") }
        }),
    }
}

fn span(line: &mut Line, key: &str) -> Option<Duration> {
    line.key(key).map(|text| parse_span(&text))
}

/// The value of that word; the first value if the key is not there.
fn one_of<T: Copy + Default>(line: &mut Line, key: &str, words: &[(&str, T)]) -> T {
    let Some(text) = line.key(key) else { return T::default() };
    let found = words.iter().find(|(word, _)| *word == text);
    found.unwrap_or_else(|| line.fail(&format!("no {key}"))).1
}
