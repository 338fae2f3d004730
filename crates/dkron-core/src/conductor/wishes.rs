//! What the wishes beyond Dkron's fields must be like to be stored. Each text names the field,
//! what is wrong with it and what would be right.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::domain::{Misfire, OnLost, Policy, limits};
use crate::worker::{FENCE_GRACE, FENCE_MARGIN};

/// Slots are put back by less than a day.
const JITTER_MOST: Duration = Duration::from_secs(86_400);

/// Checks the policy of a definition; the first bad value speaks.
pub(super) fn check(policy: &Policy) -> Result<(), String> {
    spans(policy)?;
    retry(policy)?;
    if policy.queue_depth > limits::QUEUE_DEPTH_MOST {
        let (depth, most) = (policy.queue_depth, limits::QUEUE_DEPTH_MOST);
        return Err(format!("queue_depth: {depth} is too many, at most {most}"));
    }
    if let Some(Misfire::RunAll { max }) = policy.misfire {
        misfire(max)?;
    }
    if policy.keep_executions == Some(0) {
        return Err("retention.executions: 0 would keep none, at least 1 must stay".into());
    }
    if let Some(limit) = policy.output_limit.filter(|limit| *limit > limits::OUTPUT_BYTES_MOST) {
        let most = limits::OUTPUT_BYTES_MOST;
        return Err(format!("output_limit: {limit} bytes is too much, at most {most}"));
    }
    let least = FENCE_GRACE + FENCE_MARGIN;
    if let Some(lost_after) = policy.lost_after.filter(|lost_after| *lost_after <= least) {
        let (secs, least) = (lost_after.as_secs(), least.as_secs());
        let why = "a node needs that long to end what it runs";
        return Err(format!("lost_after: {secs} s is too short, more than {least} s: {why}"));
    }
    if policy.on_lost == OnLost::Hold && policy.retry.on.lost {
        let fix = "leave one of them out";
        return Err(format!(
            "on_lost: hold never gives a run up, so retry.on can not be lost: {fix}"
        ));
    }
    Ok(())
}

/// How many missed slots may run.
pub(super) fn misfire(max: u32) -> Result<(), String> {
    if (1..=limits::MISFIRE_MOST).contains(&max) {
        return Ok(());
    }
    Err(format!("misfire: run_all({max}) is out of range, 1 to {}", limits::MISFIRE_MOST))
}

fn spans(policy: &Policy) -> Result<(), String> {
    let retry = &policy.retry;
    let spans = [
        ("jitter", Some(policy.jitter), JITTER_MOST),
        ("misfire_threshold", policy.misfire_threshold, limits::SPAN_MOST),
        ("start_deadline", policy.start_deadline, limits::SPAN_MOST),
        ("max_runtime", policy.max_runtime, limits::SPAN_MOST),
        ("lost_after", policy.lost_after, limits::SPAN_MOST),
        ("retention.age", policy.keep_for, limits::SPAN_MOST),
        ("retry.delay", retry.delay, limits::SPAN_MOST),
        ("retry.max_delay", retry.max_delay, limits::SPAN_MOST),
        ("retry.jitter", Some(retry.jitter), limits::SPAN_MOST),
    ];
    for (field, span, most) in spans {
        if let Some(span) = span.filter(|span| *span > most) {
            let (secs, most) = (span.as_secs(), most.as_secs());
            return Err(format!("{field}: {secs} s is too long, at most {most} s"));
        }
    }
    if policy.max_runtime == Some(Duration::ZERO) {
        return Err("max_runtime: 0 would end every run at once, leave it out for no end".into());
    }
    if policy.keep_for == Some(Duration::ZERO) {
        return Err("retention.age: 0 would keep nothing, leave it out to keep by number".into());
    }
    Ok(())
}

fn retry(policy: &Policy) -> Result<(), String> {
    let retry = &policy.retry;
    if let Some((delay, most)) =
        retry.delay.zip(retry.max_delay).filter(|(delay, most)| most < delay)
    {
        let (delay, most) = (delay.as_millis(), most.as_millis());
        return Err(format!("retry.max_delay: {most} ms is less than retry.delay, {delay} ms"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Retry, RetryOn};

    fn refused(change: impl FnOnce(&mut Policy)) -> String {
        let mut policy = Policy::default();
        change(&mut policy);
        check(&policy).unwrap_err()
    }

    #[test]
    fn a_bad_value_is_named_with_what_is_right() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let day = Duration::from_secs(86_400);
        let long = Some(limits::SPAN_MOST + Duration::from_secs(1));
        let cases = [
            (refused(|policy| policy.queue_depth = 1001), "queue_depth"),
            (refused(|policy| policy.misfire = Some(Misfire::RunAll { max: 0 })), "misfire"),
            (refused(|policy| policy.misfire = Some(Misfire::RunAll { max: 1001 })), "misfire"),
            (refused(|policy| policy.misfire_threshold = long), "misfire_threshold"),
            (refused(|policy| policy.start_deadline = long), "start_deadline"),
            (refused(|policy| policy.jitter = day + Duration::from_secs(1)), "jitter"),
            (refused(|policy| policy.max_runtime = secs(0)), "max_runtime"),
            (refused(|policy| policy.max_runtime = long), "max_runtime"),
            (refused(|policy| policy.lost_after = secs(15)), "lost_after"),
            (refused(|policy| policy.keep_executions = Some(0)), "retention.executions"),
            (refused(|policy| policy.keep_for = secs(0)), "retention.age"),
            (refused(|policy| policy.output_limit = Some(u32::MAX)), "output_limit"),
            (refused(|policy| policy.retry.jitter = day * 400), "retry.jitter"),
            (
                refused(|policy| {
                    policy.retry = Retry { delay: secs(9), max_delay: secs(8), ..Retry::default() };
                }),
                "retry.max_delay",
            ),
            (
                refused(|policy| {
                    policy.on_lost = OnLost::Hold;
                    policy.retry.on = RetryOn { lost: true, ..RetryOn::DEFAULT };
                }),
                "on_lost",
            ),
        ];
        for (text, field) in cases {
            assert!(text.starts_with(field) && text[field.len()..].starts_with(':'), "{text}");
        }
    }

    #[test]
    fn the_largest_values_are_good() {
        let most = Some(limits::SPAN_MOST);
        let policy = Policy {
            queue_depth: limits::QUEUE_DEPTH_MOST,
            misfire: Some(Misfire::RunAll { max: limits::MISFIRE_MOST }),
            start_deadline: most,
            jitter: JITTER_MOST,
            lost_after: Some(Duration::from_secs(16)),
            keep_executions: Some(1),
            output_limit: Some(limits::OUTPUT_BYTES_MOST),
            on_lost: OnLost::Hold,
            ..Policy::default()
        };
        assert_eq!(check(&policy), Ok(()));
        assert_eq!(check(&Policy::default()), Ok(()));
    }
}
