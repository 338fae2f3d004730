//! One wish for many jobs, and what became of them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::batch::{Batch, Outcome, STAGES, VERBS};
use crate::rest::instant::Instant;
use crate::rest::query;
use crate::words::word;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Batch")]
pub struct BatchDto {
    id: String,
    action: &'static str,
    #[schemars(extend("enum" = ["running", "done", "cancelled", "interrupted"]))]
    state: &'static str,
    /// How many jobs are meant.
    total: usize,
    /// How many came to an end, with success or not.
    finished: usize,
    failed: usize,
    begun_at: Instant,
    ended_at: Option<Instant>,
    /// In the order in which they came to an end; a page of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<OutcomeDto>>,
}

/// What became of one job.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BatchResult")]
struct OutcomeDto {
    name: String,
    #[schemars(extend("enum" = ["done", "failed"]))]
    outcome: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
}

impl BatchDto {
    /// Without the results.
    pub fn head(batch: &Batch) -> Self {
        let progress = batch.progress();
        BatchDto {
            id: batch.id.clone(),
            action: word(batch.verb, VERBS),
            state: word(progress.stage, STAGES),
            total: batch.total,
            finished: progress.outcomes.len(),
            failed: progress.failed,
            begun_at: Instant::utc(batch.begun_at),
            ended_at: progress.ended_at.map(Instant::utc),
            results: None,
        }
    }

    /// With a page of them.
    pub fn page(batch: &Batch, page: (usize, Option<usize>)) -> Self {
        let head = BatchDto::head(batch);
        let progress = batch.progress();
        let results = query::slice(&progress.outcomes, page).iter().map(OutcomeDto::from);
        BatchDto { results: Some(results.collect()), ..head }
    }
}

impl From<&Outcome> for OutcomeDto {
    fn from(outcome: &Outcome) -> Self {
        OutcomeDto {
            name: outcome.name.to_string(),
            outcome: if outcome.problem.is_none() { "done" } else { "failed" },
            text: outcome.problem.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}
