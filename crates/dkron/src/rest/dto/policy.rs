//! A job's wishes beyond Dkron's fields: only what was said, so that a job without any looks as
//! Dkron's does. Posted back, they are the same wishes.

use std::time::Duration;

use dkron_core::domain::{Backoff, Dst, OnLost, Policy, Retry, RetryNode, RetryOn};
use schemars::JsonSchema;
use serde::Serialize;

use crate::words::{self, misfire_text, span_text, word};

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub struct PolicyDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_depth: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    misfire: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    misfire_threshold: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_deadline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<RetryDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_lost: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<RetentionDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_limit: Option<u32>,
}

/// How often stands in `retries`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Retry")]
struct RetryDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_delay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<Vec<&'static str>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Retention")]
struct RetentionDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    executions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<String>,
}

impl From<&Policy> for PolicyDto {
    fn from(policy: &Policy) -> Self {
        let said = policy.retry != Retry::default();
        let kept = policy.keep_executions.is_some() || policy.keep_for.is_some();
        PolicyDto {
            queue_depth: (policy.queue_depth > 0).then_some(policy.queue_depth),
            misfire: policy.misfire.map(misfire_text),
            misfire_threshold: policy.misfire_threshold.map(span_text),
            start_deadline: policy.start_deadline.map(span_text),
            retry: said.then(|| RetryDto::from(&policy.retry)),
            dst: other(policy.dst, Dst::default(), words::DSTS),
            jitter: longer_than_none(policy.jitter),
            max_runtime: policy.max_runtime.map(span_text),
            on_lost: other(policy.on_lost, OnLost::default(), words::ON_LOST),
            lost_after: policy.lost_after.map(span_text),
            retention: kept.then(|| RetentionDto {
                executions: policy.keep_executions,
                age: policy.keep_for.map(span_text),
            }),
            output_limit: policy.output_limit,
        }
    }
}

impl From<&Retry> for RetryDto {
    fn from(retry: &Retry) -> Self {
        RetryDto {
            delay: retry.delay.map(span_text),
            backoff: other(retry.backoff, Backoff::default(), words::BACKOFFS),
            max_delay: retry.max_delay.map(span_text),
            jitter: longer_than_none(retry.jitter),
            node: other(retry.node, RetryNode::default(), words::RETRY_NODES),
            on: (retry.on != RetryOn::DEFAULT).then(|| ends(retry.on)),
        }
    }
}

fn ends(on: RetryOn) -> Vec<&'static str> {
    let all = [(on.failed, "failed"), (on.timed_out, "timed_out"), (on.lost, "lost")];
    all.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect()
}

/// The word for what is not the default.
fn other<T: Copy + PartialEq>(
    value: T,
    default: T,
    all: &[(&'static str, T)],
) -> Option<&'static str> {
    (value != default).then(|| word(value, all))
}

fn longer_than_none(span: Duration) -> Option<String> {
    (span > Duration::ZERO).then(|| span_text(span))
}
