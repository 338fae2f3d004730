//! Why a job did or did not run at an instant.

use dkron_core::domain::{Skipped, Timestamp};
use dkron_node::service::WhyView;
use schemars::JsonSchema;
use serde::Serialize;

use super::SkippedDto;
use crate::rest::instant::Instant;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Why")]
pub struct WhyDto<'a> {
    at: Instant,
    verdict: &'static str,
    /// For a person.
    text: &'a str,
    /// The instant, if the schedule makes the job due then.
    slot: Option<Instant>,
    /// The slots around it.
    before: Option<Instant>,
    after: Option<Instant>,
    executions: Vec<String>,
    skipped: Option<SkippedDto<'a>>,
    /// There were more executions than one answer looks at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl<'a> WhyDto<'a> {
    pub fn new(at: Timestamp, view: &'a WhyView) -> Self {
        WhyDto {
            at: Instant::utc(at),
            verdict: view.verdict.word(),
            text: &view.text,
            slot: view.slot.map(Instant::utc),
            before: view.before.map(Instant::utc),
            after: view.after.map(Instant::utc),
            executions: view.executions.iter().map(ToString::to_string).collect(),
            skipped: view.skipped.as_ref().map(|skipped: &Skipped| SkippedDto::from(skipped)),
            cut: view.cut,
        }
    }
}
