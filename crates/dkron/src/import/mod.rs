//! Jobs of other schedulers as jobs of ours, and what is other than it was. Texts in, jobs out:
//! no files, no network.

pub mod crontab;
pub mod dkron;
pub mod kubernetes;
mod names;
mod quote;

use serde_json::{Map, Value};

/// What an import made of a text.
#[derive(Debug, Default)]
pub struct Imported {
    pub jobs: Vec<Map<String, Value>>,
    /// What somebody should know who relies on the old ways.
    pub notes: Vec<String>,
    /// What could not become a job, and why.
    pub refused: Vec<String>,
}
