//! Does nothing and succeeds. For trying schedules and measuring everything around a run.

use dkron_core::domain::config_schema::ConfigSchema;

use crate::executor::{BoxFuture, CancelToken, Executor, Outcome, Run};
use crate::output::OutputSink;

/// What its configuration looks like: it takes any key and reads none.
pub const SCHEMA: ConfigSchema =
    ConfigSchema { name: "noop", doc: "Does nothing and succeeds.", keys: &[] };

/// The executor `noop`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoopExecutor;

impl Executor for NoopExecutor {
    fn name(&self) -> &'static str {
        SCHEMA.name
    }

    fn schema(&self) -> &'static ConfigSchema {
        &SCHEMA
    }

    fn run(&self, _run: Run, _out: OutputSink, _cancel: CancelToken) -> BoxFuture<Outcome> {
        Box::pin(std::future::ready(Outcome::success()))
    }
}
