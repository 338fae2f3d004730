//! Answers of one or two keys.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::instant::Instant;

/// Whether submissions are blocked.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Paused")]
pub struct PausedDto {
    pub paused: bool,
}

/// That HTTP works.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Healthy")]
pub struct HealthyDto {
    pub status: &'static str,
}

/// The answering node; all values are texts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Index")]
pub struct IndexDto<'a> {
    pub agent: BTreeMap<&'static str, &'a str>,
    pub serf: BTreeMap<&'static str, String>,
    pub tags: &'a BTreeMap<String, String>,
}

/// The server that does not vote any more.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Removed")]
pub struct RemovedDto<'a> {
    pub removed: &'a str,
}

/// Who leads now.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NewLeader")]
pub struct NewLeaderDto<'a> {
    pub leader: &'a str,
}

/// What was decided about a node.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Eligibility")]
pub struct EligibilityDto<'a> {
    pub name: &'a str,
    pub eligible: bool,
    pub deadline: Option<Instant>,
    pub by: &'a str,
    pub reason: &'a str,
}
