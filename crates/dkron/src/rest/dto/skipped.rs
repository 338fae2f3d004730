//! Slots that did not run.

use dkron_core::domain::Skipped;
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::instant::Instant;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Skipped")]
pub struct SkippedDto<'a> {
    scheduled_at: Instant,
    last_scheduled_at: Instant,
    count: u64,
    reason: &'static str,
    detail: &'a str,
}

impl<'a> From<&'a Skipped> for SkippedDto<'a> {
    fn from(skipped: &'a Skipped) -> Self {
        SkippedDto {
            scheduled_at: Instant::utc(skipped.first.0),
            last_scheduled_at: Instant::utc(skipped.last.0),
            count: skipped.count,
            reason: skipped.reason.word(),
            detail: &skipped.detail,
        }
    }
}
