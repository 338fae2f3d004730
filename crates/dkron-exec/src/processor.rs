//! Processors look at the output of a finished run and may put something else in its place.
//!
//! They run on the leader, at least once per run, and know nothing of how the run is stored.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dkron_core::domain::config_schema::ConfigSchema;
use thiserror::Error;

use crate::config::ConfigMap;

/// A finished run, as processors see it.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionView<'a> {
    pub id: &'a str,
    pub job_name: &'a str,
    pub output: &'a [u8],
    pub success: bool,
    /// The node that runs the processors.
    pub reporting_node: &'a str,
}

/// Looks at one finished run. Calls may block; they may come twice for one run.
pub trait Processor: Send + Sync {
    /// The name that jobs use.
    fn name(&self) -> &'static str;

    /// What its configuration looks like.
    fn schema(&self) -> &'static ConfigSchema;

    /// Does its work; returns what shall be stored instead of the output, if anything.
    ///
    /// # Errors
    /// If the work was not done: the output then stays as it is.
    fn process(
        &self,
        execution: &ExecutionView<'_>,
        config: &ConfigMap,
    ) -> Result<Option<Vec<u8>>, ProcessorError>;
}

/// Why a processor did not do its work.
#[derive(Debug, Error)]
pub enum ProcessorError {
    #[error("failed to write `{path}`")]
    Write {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("execution id `{id}` cannot be a file name")]
    FileName { id: String },
    #[error("there is no processor `{name}` on this node; known are: {known}")]
    Unknown { name: String, known: String },
    #[error("processor `{name}` broke down")]
    Panicked { name: String },
}

/// The processors of a node, by name.
#[derive(Clone, Default)]
pub struct ProcessorRegistry {
    by_name: BTreeMap<&'static str, Arc<dyn Processor>>,
}

impl ProcessorRegistry {
    /// Of two processors with one name the later stands.
    #[must_use]
    pub fn new(processors: impl IntoIterator<Item = Arc<dyn Processor>>) -> Self {
        Self { by_name: processors.into_iter().map(|one| (one.name(), one)).collect() }
    }

    /// All names, in alphabetical order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.by_name.keys().copied().collect()
    }

    /// All descriptions, in alphabetical order of the names.
    #[must_use]
    pub fn schemas(&self) -> Vec<&'static ConfigSchema> {
        self.by_name.values().map(|one| one.schema()).collect()
    }
}

/// What a chain of processors came to.
#[derive(Debug, Default)]
pub struct Processed {
    /// Stored instead of the output, if anything.
    pub replacement: Option<Vec<u8>>,
    /// By processor name, for the log.
    pub problems: Vec<(String, ProcessorError)>,
}

/// Runs the processors of a job in alphabetical order. Each one gets the original output; of the
/// replacements the last one stands.
#[must_use]
pub fn run_processors(
    registry: &ProcessorRegistry,
    chain: &BTreeMap<String, ConfigMap>,
    execution: &ExecutionView<'_>,
) -> Processed {
    let mut processed = Processed::default();
    for (name, config) in chain {
        match run_one(registry, name, config, execution) {
            Ok(Some(replacement)) => processed.replacement = Some(replacement),
            Ok(None) => {}
            Err(err) => processed.problems.push((name.clone(), err)),
        }
    }
    processed
}

fn run_one(
    registry: &ProcessorRegistry,
    name: &str,
    config: &ConfigMap,
    execution: &ExecutionView<'_>,
) -> Result<Option<Vec<u8>>, ProcessorError> {
    let Some(processor) = registry.by_name.get(name) else {
        let known = registry.names().join(", ");
        return Err(ProcessorError::Unknown { name: name.to_owned(), known });
    };
    let mut config = config.clone();
    config.insert("reporting_node".to_owned(), execution.reporting_node.to_owned());
    // A defect in one processor must not take the leader down; the view is only read, so nothing
    // half-changed is left behind.
    catch_unwind(AssertUnwindSafe(|| processor.process(execution, &config)))
        .unwrap_or_else(|_| Err(ProcessorError::Panicked { name: name.to_owned() }))
}

#[cfg(test)]
mod tests;
