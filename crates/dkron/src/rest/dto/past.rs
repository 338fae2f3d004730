//! Versions of a job, and what users did.

use dkron_node::service::{Activity, JobVersions, VersionView};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::rest::instant::Instant;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobVersion")]
pub struct VersionDto<'a> {
    version: u64,
    /// Null where nobody knows any more.
    at: Option<Instant>,
    /// Who made it; empty = nobody said.
    by: &'a str,
    /// The address that it came from.
    from: &'a str,
    /// How it came about; empty = nobody knows any more.
    action: &'static str,
    /// Fields that differ from the version before, if that is kept.
    changed: Vec<String>,
    /// Whether it is in force.
    present: bool,
}

impl<'a> VersionDto<'a> {
    pub fn new(of: &'a JobVersions, view: &'a VersionView, changed: Vec<String>) -> Self {
        let last = of.versions.last().is_some_and(|last| last.version == view.version);
        VersionDto {
            version: view.version.0,
            at: view.verb.map(|_| Instant::utc(view.at)),
            by: &view.by,
            from: &view.from,
            action: view.verb.map_or("", |verb| verb.word()),
            changed,
            present: last && of.gone.is_none(),
        }
    }
}

/// What differs between two versions.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobDiff")]
pub struct DiffDto {
    pub from: u64,
    pub to: u64,
    pub changes: Vec<ChangeDto>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobChange")]
pub struct ChangeDto {
    /// The field, with those around it: `tags.role`.
    pub path: String,
    /// Null where it is not there.
    pub old: Value,
    pub new: Value,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Activity")]
pub struct ActivityDto<'a> {
    at: Instant,
    /// The entry of the log that carried it.
    index: u64,
    /// Who did it; empty = nobody said.
    by: &'a str,
    /// The address that it came from.
    from: &'a str,
    action: &'static str,
    /// The job or node; empty = the cluster.
    object: &'a str,
    /// The job's version afterwards.
    version: Option<u64>,
    detail: &'a str,
}

impl<'a> From<&'a Activity> for ActivityDto<'a> {
    fn from(activity: &'a Activity) -> Self {
        ActivityDto {
            at: Instant::utc(activity.at),
            index: activity.index.0,
            by: &activity.by,
            from: &activity.from,
            action: activity.verb.word(),
            object: &activity.object,
            version: activity.job.map(|(_, version)| version.0),
            detail: &activity.detail,
        }
    }
}
