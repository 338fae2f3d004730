//! The handlers, by what they are about.

pub mod activity;
pub mod batch;
pub mod cancel;
pub mod cluster;
pub mod docs;
pub mod events;
pub mod executions;
pub mod export;
pub mod import;
pub mod jobs;
mod long_list;
pub mod node;
pub mod operator;
pub mod output;
pub mod patch;
pub mod preview;
pub mod put;
pub mod recent;
pub mod restore;
pub mod run;
pub mod scheduling;
pub mod settings;
pub mod stats;
pub mod ui;
pub mod upcoming;
pub mod versions;
pub mod why;

use axum::http::header::{HeaderName, HeaderValue};

use super::respond::Answer;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The answer with the number of all that a list is a part of.
fn counted(mut answer: Answer, total: usize) -> Answer {
    answer.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(total));
    answer
}
