//! What keeps jobs from starting by themselves.

use std::collections::BTreeMap;

use dkron_core::domain::Timestamp;
use dkron_node::service::{PauseScope, SchedulingPause};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::instant::Instant;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Scheduling")]
pub struct SchedulingDto<'a> {
    /// Whether anything is stopped now.
    paused: bool,
    pauses: Vec<PauseDto<'a>>,
}

/// Somebody wants nothing to start by itself for a while.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SchedulingPause")]
pub struct PauseDto<'a> {
    /// A text: scripts take large numbers for others.
    id: String,
    since: Instant,
    until: Option<Instant>,
    scope: ScopeDto<'a>,
    by: &'a str,
    reason: &'a str,
}

/// Which jobs are meant: `"all"`, or those for which all holds that is said.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PauseScope")]
#[serde(untagged)]
pub enum ScopeDto<'a> {
    All(&'static str),
    Some {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        jobs: Vec<&'a str>,
        #[serde(skip_serializing_if = "str::is_empty")]
        prefix: &'a str,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<&'a str, &'a str>,
    },
}

impl<'a> SchedulingDto<'a> {
    /// Those that are over by themselves are on their way out.
    pub fn new(pauses: &'a [SchedulingPause], now: Timestamp) -> Self {
        let lasts = |pause: &&SchedulingPause| pause.until.is_none_or(|until| now < until);
        let pauses: Vec<_> = pauses.iter().filter(lasts).map(PauseDto::from).collect();
        SchedulingDto { paused: !pauses.is_empty(), pauses }
    }
}

impl<'a> From<&'a SchedulingPause> for PauseDto<'a> {
    fn from(pause: &'a SchedulingPause) -> Self {
        PauseDto {
            id: pause.id.to_string(),
            since: Instant::utc(pause.since),
            until: pause.until.map(Instant::utc),
            scope: ScopeDto::from(&pause.scope),
            by: &pause.by,
            reason: &pause.reason,
        }
    }
}

impl<'a> From<&'a PauseScope> for ScopeDto<'a> {
    fn from(scope: &'a PauseScope) -> Self {
        if scope.is_all() {
            return ScopeDto::All("all");
        }
        ScopeDto::Some {
            jobs: scope.jobs.iter().map(|name| name.as_str()).collect(),
            prefix: &scope.prefix,
            metadata: scope.metadata.iter().collect(),
        }
    }
}

/// How many pauses ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Resumed")]
pub struct ResumedDto {
    pub resumed: u32,
}
