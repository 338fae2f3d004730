//! An execution as clients see it: Dkron's keys in Dkron's order, then ours.

use std::collections::BTreeMap;

use dkron_core::domain::{ByHand, Cancellation, Late, Output, State, TextMap, Timestamp};
use dkron_core::schedule::Zone;
use dkron_node::service::{ExecutionView, RecentItem};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::instant::Instant;
use crate::rest::json::lossy;

/// One run of a job on one node.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Execution")]
pub struct ExecutionDto {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    ours: Ours,
}

/// As in the list of a job's executions.
#[derive(Serialize, JsonSchema)]
pub struct ListedExecution {
    #[serde(flatten)]
    head: Head,
    output_truncated: bool,
    #[serde(flatten)]
    ours: Ours,
}

/// As in the list across jobs.
#[derive(Serialize, JsonSchema)]
pub struct RecentExecution {
    #[serde(flatten)]
    head: Head,
    /// There is more of it than this answer shows.
    output_truncated: bool,
    /// Bytes of output that are kept; of what goes on nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_length: Option<u64>,
    #[serde(flatten)]
    ours: Ours,
}

#[derive(Serialize, JsonSchema)]
struct Head {
    id: String,
    job_name: String,
    started_at: Instant,
    /// `0001-01-01T00:00:00Z` = not yet.
    finished_at: Instant,
    success: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    output: String,
    node_name: String,
    /// Nanoseconds; the same for all executions of one occurrence.
    group: u64,
    #[serde(skip_serializing_if = "is_zero")]
    attempt: u32,
}

/// Beyond Dkron's keys.
#[derive(Serialize, JsonSchema)]
struct Ours {
    #[schemars(extend("enum" = State::ALL.map(State::word)))]
    state: &'static str,
    scheduled_at: Instant,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<Cancelled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late_result: Option<LateResult>,
    /// What was different about the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
}

/// What somebody who asked for a run wanted in another way than the definition says.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RunParameters")]
struct Parameters {
    /// Laid over the executor's configuration.
    config: BTreeMap<String, String>,
    /// Instead of the job's.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<String>,
    by: String,
    reason: String,
}

impl From<&ByHand> for Parameters {
    fn from(by_hand: &ByHand) -> Self {
        let map = |map: &TextMap| {
            map.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        Parameters {
            config: map(&by_hand.config),
            tags: by_hand.tags.as_ref().map(map),
            nodes: by_hand.nodes.iter().map(ToString::to_string).collect(),
            by: by_hand.by.clone(),
            reason: by_hand.reason.clone(),
        }
    }
}

/// What came after the execution was given up.
#[derive(Serialize, JsonSchema)]
struct LateResult {
    at: Instant,
    #[schemars(extend("enum" = State::ALL.map(State::word)))]
    state: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    started_at: Instant,
    finished_at: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    output: String,
}

impl From<&Late> for LateResult {
    fn from(late: &Late) -> Self {
        let finish = &late.finish;
        let output = match &finish.output {
            Output::Inline(bytes) => lossy(bytes),
            Output::Empty | Output::Stored { .. } => String::new(),
        };
        LateResult {
            at: Instant::utc(late.at),
            state: finish.state.word(),
            reason: finish.reason.word(),
            started_at: shown(finish.started_at, &Zone::utc()),
            finished_at: Instant::utc(finish.finished_at),
            exit_code: finish.exit_code,
            output,
        }
    }
}

/// Who wanted it to end.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Cancellation")]
struct Cancelled {
    at: Instant,
    by: String,
    reason: String,
}

impl From<&Cancellation> for Cancelled {
    fn from(cancel: &Cancellation) -> Self {
        let Cancellation { at, by, reason } = cancel.clone();
        Cancelled { at: Instant::utc(at), by, reason }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How much of an output is shown: its last bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail(pub Option<usize>);

impl ExecutionDto {
    /// Times in UTC, the output whole.
    pub fn new(view: &ExecutionView) -> Self {
        ExecutionDto { head: head(view, &Zone::utc(), &view.output), ours: ours(view) }
    }
}

impl ListedExecution {
    /// Times in the job's zone, of the output the tail.
    pub fn new(view: &ExecutionView, zone: &Zone, tail: Tail) -> Self {
        let len = view.output.len();
        let cut = tail.0.filter(|limit| len > *limit);
        let shown = &view.output[len - cut.unwrap_or(len)..];
        ListedExecution {
            head: head(view, zone, shown),
            output_truncated: cut.is_some(),
            ours: ours(view),
        }
    }
}

impl RecentExecution {
    /// Times in UTC: jobs have different zones.
    pub fn new(item: &RecentItem) -> Self {
        let RecentItem { view, kept } = item;
        let shown = view.output.len() as u64;
        RecentExecution {
            head: head(view, &Zone::utc(), &view.output),
            output_truncated: kept.is_none_or(|kept| kept > shown),
            output_length: *kept,
            ours: ours(view),
        }
    }
}

fn head(view: &ExecutionView, zone: &Zone, output: &[u8]) -> Head {
    Head {
        id: view.id.to_string(),
        job_name: view.job_name.to_string(),
        started_at: shown(view.started_at, zone),
        finished_at: shown(view.finished_at, zone),
        success: view.state == State::Success,
        output: lossy(output),
        node_name: view.id.node.to_string(),
        group: view.group.0,
        attempt: view.attempt,
    }
}

fn ours(view: &ExecutionView) -> Ours {
    Ours {
        state: view.state.word(),
        scheduled_at: Instant::utc(view.nominal.0),
        reason: view.reason,
        exit_code: view.exit_code,
        cancelled: view.cancelled.as_deref().map(Cancelled::from),
        late_result: view.late.as_deref().map(LateResult::from),
        parameters: view.cause.by_hand().map(Parameters::from),
    }
}

/// What has not happened is the year-1 literal in every zone: clients compare with it.
fn shown(at: Option<Timestamp>, zone: &Zone) -> Instant {
    match at {
        Some(at) => Instant(at, zone.offset_at(at)),
        None => Instant::utc(Timestamp::YEAR_ONE),
    }
}
