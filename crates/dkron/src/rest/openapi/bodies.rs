//! Shapes that clients send, for the description alone: the decoders read them by Go's rules,
//! which no derived reader has. A test holds them against those decoders.

#![allow(dead_code, reason = "only their shapes are used")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

type Texts = BTreeMap<String, String>;

/// A job as it is created or replaced. Unknown keys are ignored, keys may be in any case, and
/// numbers and booleans in maps are stored as texts.
#[derive(JsonSchema)]
pub struct JobBody {
    /// Lower-case letters, digits, underscore and dash.
    pub name: String,
    /// A name for people.
    pub displayname: Option<String>,
    /// Six-field or five-field cron, `@every 90s`, `@at 2030-01-01T00:00:00Z`, `@hourly` and its
    /// relatives, `@manually`; not needed with `parent_job`.
    pub schedule: Option<String>,
    /// An IANA name; empty = the cluster's zone.
    pub timezone: Option<String>,
    pub owner: Option<String>,
    pub owner_email: Option<String>,
    pub disabled: Option<bool>,
    /// Which nodes run it: `{"role": "web:2"}` = two of those with the tag.
    pub tags: Option<Texts>,
    pub metadata: Option<Texts>,
    /// How many further attempts a failed run gets.
    #[schemars(range(max = 1_000_000))]
    pub retries: Option<u32>,
    /// Runs when that job has succeeded.
    pub parent_job: Option<String>,
    /// Name of a processor and its configuration.
    pub processors: Option<BTreeMap<String, BTreeMap<String, TextLike>>>,
    pub concurrency: Option<Concurrency>,
    /// `shell`, `http`, `noop`.
    pub executor: Option<String>,
    pub executor_config: Option<BTreeMap<String, TextLike>>,
    /// Deletes itself after its first success.
    pub ephemeral: Option<bool>,
    #[schemars(extend("format" = "date-time"))]
    pub starts_at: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
    /// Occurrences that wait with `concurrency: queue`.
    pub queue_depth: Option<u32>,
    /// What becomes of slots that are too late: `run_latest`, `run_all`, `skip`.
    pub misfire: Option<serde_json::Value>,
    /// A duration such as `10s`: lateness below it does not count.
    pub misfire_threshold: Option<String>,
    /// A duration: later than this nothing starts.
    pub start_deadline: Option<String>,
    pub retry: Option<RetryBody>,
    /// What happens around changes of daylight saving time.
    pub dst: Option<String>,
    /// A duration over which starts are spread.
    pub jitter: Option<String>,
    /// A duration after which a run is ended.
    pub max_runtime: Option<String>,
    /// What becomes of a run whose node is silent.
    pub on_lost: Option<String>,
    /// A duration after which a silent node's run is lost.
    pub lost_after: Option<String>,
    pub retention: Option<RetentionBody>,
    /// Bytes of output that are kept of a run.
    pub output_limit: Option<u32>,
}

/// Fields of a job to change (RFC 7386): what is null is taken away, maps merge key by key.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub struct JobPatch(pub BTreeMap<String, serde_json::Value>);

/// Stored as text.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum TextLike {
    Text(String),
    Flag(bool),
    Number(f64),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Concurrency {
    Allow,
    Forbid,
    Queue,
    Replace,
}

#[derive(JsonSchema)]
pub struct RetryBody {
    pub max: Option<u32>,
    pub delay: Option<String>,
    pub backoff: Option<String>,
    pub max_delay: Option<String>,
    pub jitter: Option<String>,
    pub node: Option<String>,
    /// Some of `failed`, `timed_out`, `lost`.
    pub on: Option<Vec<String>>,
}

#[derive(JsonSchema)]
pub struct RetentionBody {
    pub executions: Option<u32>,
    pub age: Option<String>,
}

/// Some of the cluster's settings; PUT wants all of them.
#[derive(JsonSchema)]
pub struct SettingsBody {
    pub zone: Option<String>,
    pub keep_executions: Option<u32>,
    pub keep_for: Option<String>,
    pub misfire: Option<String>,
    pub misfire_threshold: Option<String>,
    pub start_deadline: Option<String>,
    pub lost_after: Option<String>,
    pub catch_up_rate: Option<u32>,
    pub output_limit: Option<u32>,
}

/// Who wants an end, and why.
#[derive(JsonSchema)]
pub struct CancelBody {
    pub by: Option<String>,
    pub reason: Option<String>,
}

/// Takes a node out of service, or back.
#[derive(JsonSchema)]
pub struct EligibilityBody {
    pub eligible: bool,
    /// A duration such as `10m`, or an instant: what still runs then is ended.
    pub deadline: Option<String>,
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// What is different about one run; all of it may be left out.
#[derive(JsonSchema)]
pub struct RunBody {
    /// Beside and over the job's environment; for `shell`.
    pub env: Option<BTreeMap<String, TextLike>>,
    /// What the run reads: standard input of `shell`, body of `http`.
    pub payload: Option<String>,
    /// Laid over `executor_config`.
    pub config: Option<BTreeMap<String, TextLike>>,
    /// Instead of the job's.
    pub tags: Option<BTreeMap<String, TextLike>>,
    /// Names of members, instead of any tags.
    pub nodes: Option<Vec<String>>,
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// What is wanted of which jobs: `names` or `selector`; with `apply` it is `jobs`.
#[derive(JsonSchema)]
pub struct BatchBody {
    pub action: BatchAction,
    pub names: Option<Vec<String>>,
    pub jobs: Option<Vec<JobBody>>,
    pub selector: Option<BatchSelector>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum BatchAction {
    Run,
    Toggle,
    Enable,
    Disable,
    Delete,
    Apply,
}

/// All that is said must hold.
#[derive(JsonSchema)]
pub struct BatchSelector {
    /// Part of the name or display name.
    pub q: Option<String>,
    pub prefix: Option<String>,
    pub metadata: Option<Texts>,
    /// `untriggered`, `success`, `failed`, `partially_failed`, `running`.
    pub status: Option<String>,
    pub disabled: Option<bool>,
    /// `true` = all jobs are meant.
    pub all: Option<bool>,
}

/// What is to start nothing by itself.
#[derive(JsonSchema)]
pub struct PauseBody {
    pub reason: Option<String>,
    /// An instant, or a duration such as `30m`.
    pub until: Option<String>,
    pub scope: Option<ScopeBody>,
    pub by: Option<String>,
}

/// Without it all jobs are meant.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum ScopeBody {
    All(AllJobs),
    Some { jobs: Option<Vec<String>>, prefix: Option<String>, metadata: Option<Texts> },
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum AllJobs {
    All,
}

/// Which pause ends; without an id all of them.
#[derive(JsonSchema)]
pub struct ResumeBody {
    pub id: Option<String>,
}

/// Why something was refused (RFC 9457), for who accepts `application/problem+json`.
#[derive(serde::Serialize, JsonSchema)]
pub struct Problem {
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// The field or parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
