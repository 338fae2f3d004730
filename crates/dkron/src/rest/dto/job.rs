//! A job as clients see it: Dkron's 26 keys in Dkron's order, then ours.

use std::collections::BTreeMap;

use dkron_core::domain::{Status, TextMap, Timestamp};
use dkron_node::service::JobView;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use super::policy::PolicyDto;
use crate::rest::instant::Instant;

/// A job as it is stored, with its figures.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub struct JobDto<'a> {
    id: &'a str,
    name: &'a str,
    displayname: &'a str,
    timezone: &'a str,
    schedule: &'a str,
    owner: &'a str,
    owner_email: &'a str,
    success_count: u64,
    error_count: u64,
    last_success: Option<Instant>,
    last_error: Option<Instant>,
    disabled: bool,
    tags: Option<Texts<'a>>,
    metadata: Option<Texts<'a>>,
    retries: u32,
    dependent_jobs: Option<Vec<&'a str>>,
    parent_job: &'a str,
    processors: BTreeMap<&'a str, Texts<'a>>,
    #[schemars(extend("enum" = ["allow", "forbid", "queue", "replace"]))]
    concurrency: &'static str,
    executor: &'a str,
    executor_config: Option<Texts<'a>>,
    /// Of the last group of executions; empty before the first.
    #[schemars(extend("enum" = ["", "success", "failed", "partially_failed"]))]
    status: &'static str,
    /// The next slot; `0001-01-01T00:00:00Z` = none.
    next: Instant,
    ephemeral: bool,
    starts_at: Option<Instant>,
    expires_at: Option<Instant>,
    /// Executions that have not ended.
    running: u32,
    /// Counts the changes of the definition.
    version: u64,
    #[serde(flatten)]
    wishes: Option<Box<PolicyDto>>,
}

impl<'a> From<&'a JobView> for JobDto<'a> {
    fn from(view: &'a JobView) -> Self {
        let job = &*view.job;
        let next = view.next.map_or(Timestamp::YEAR_ONE, |nominal| nominal.0);
        JobDto {
            id: job.name.as_str(),
            name: job.name.as_str(),
            displayname: &job.displayname,
            timezone: &job.timezone,
            schedule: &job.schedule,
            owner: &job.owner,
            owner_email: &job.owner_email,
            success_count: view.success_count,
            error_count: view.error_count,
            last_success: view.last_success.map(Instant::utc),
            last_error: view.last_error.map(Instant::utc),
            disabled: job.disabled,
            tags: filled(&job.tags),
            metadata: filled(&job.metadata),
            retries: job.retries,
            dependent_jobs: dependents(view),
            parent_job: job.parent_job.as_ref().map_or("", |parent| parent.as_str()),
            processors: job.processors.iter().map(|(k, map)| (k.as_str(), Texts(map))).collect(),
            concurrency: job.concurrency.word(),
            executor: &job.executor,
            executor_config: filled(&job.executor_config),
            status: status(view.status),
            next: Instant::utc(next),
            ephemeral: job.ephemeral,
            starts_at: job.starts_at.map(Instant::utc),
            expires_at: job.expires_at.map(Instant::utc),
            running: view.running,
            version: view.version.0,
            wishes: job.policy.as_deref().map(|policy| Box::new(PolicyDto::from(policy))),
        }
    }
}

/// An empty map is null, as it comes back from Dkron's store.
fn filled(map: &TextMap) -> Option<Texts<'_>> {
    (!map.is_empty()).then_some(Texts(map))
}

/// A map of texts.
struct Texts<'a>(&'a TextMap);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl JsonSchema for Texts<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, String>::json_schema(generator)
    }
}

fn dependents(view: &JobView) -> Option<Vec<&str>> {
    let names = view.dependents.iter().map(|name| name.as_str());
    (!view.dependents.is_empty()).then(|| names.collect())
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Untriggered => "",
        Status::Success => "success",
        Status::Failed => "failed",
        Status::PartiallyFailed => "partially_failed",
    }
}
