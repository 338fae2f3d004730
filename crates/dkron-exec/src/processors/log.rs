//! Writes each output to the program's own output, between marks.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use dkron_core::domain::config_schema::ConfigSchema;

use crate::config::ConfigMap;
use crate::processor::{ExecutionView, Processor, ProcessorError};

use super::{FORWARD, unless_forwarded};

const NOTE: &str = "Output in dkron log";

/// What its configuration looks like.
pub const SCHEMA: ConfigSchema = ConfigSchema {
    name: "log",
    doc: "Writes the output to the leader's standard output, or standard error after a failure.",
    keys: &[FORWARD],
};

type Stream = Mutex<Box<dyn Write + Send>>;

/// The processor `log`.
pub struct LogProcessor {
    success: Stream,
    failure: Stream,
}

impl Default for LogProcessor {
    fn default() -> Self {
        Self::with_streams(io::stdout(), io::stderr())
    }
}

impl LogProcessor {
    /// One that writes elsewhere.
    #[must_use]
    pub fn with_streams(
        success: impl Write + Send + 'static,
        failure: impl Write + Send + 'static,
    ) -> Self {
        Self { success: Mutex::new(Box::new(success)), failure: Mutex::new(Box::new(failure)) }
    }
}

impl Processor for LogProcessor {
    fn name(&self) -> &'static str {
        SCHEMA.name
    }

    fn schema(&self) -> &'static ConfigSchema {
        &SCHEMA
    }

    fn process(
        &self,
        execution: &ExecutionView<'_>,
        config: &ConfigMap,
    ) -> Result<Option<Vec<u8>>, ProcessorError> {
        let (stream, name) = if execution.success {
            (&self.success, "standard output")
        } else {
            (&self.failure, "standard error")
        };
        // One write keeps the block together when others write to the same stream.
        let block = block(execution);
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream
            .write_all(&block)
            .and_then(|()| stream.flush())
            .map_err(|source| ProcessorError::Write { path: name.to_owned(), source })?;
        Ok(unless_forwarded(config, NOTE))
    }
}

fn block(execution: &ExecutionView<'_>) -> Vec<u8> {
    let (job, id) = (execution.job_name, execution.id);
    let mut block = format!("----- BEGIN OUTPUT job={job} execution={id} -----\n").into_bytes();
    block.extend_from_slice(execution.output);
    if !block.ends_with(b"\n") {
        block.push(b'\n');
    }
    block.extend_from_slice(b"----- END OUTPUT -----\n");
    block
}
