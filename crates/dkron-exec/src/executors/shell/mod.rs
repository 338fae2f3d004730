//! Runs a command, through the runner.
//!
//! Reads the configuration into words, environment and limits, and puts the end of the process
//! into the words that Dkron's users know.

mod command;
mod end;
mod user;
mod variables;
mod words;

use std::time::Duration;

use dkron_core::domain::config_schema::{ConfigKey, ConfigKind, ConfigSchema};

use crate::executor::{BoxFuture, CancelToken, Executor, Outcome, Run};
use crate::output::OutputSink;
use crate::runner::{Held, RunnerClient, RunnerError, RunningProcess};

use command::{Command, Limits};

/// What its configuration looks like.
pub const SCHEMA: ConfigSchema = ConfigSchema {
    name: "shell",
    doc: "Runs a command on the node; what it writes is the output.",
    keys: &[
        ConfigKey::new("command", ConfigKind::LongText, "The command to run.").required(),
        ConfigKey::new(
            "shell",
            ConfigKind::Bool,
            "Hand the command to `/bin/sh -c`; otherwise it is split into words and run directly.",
        )
        .default("false"),
        ConfigKey::new(
            "env",
            ConfigKind::Variables,
            "Environment: `A=1,B=2`, or a JSON object whose values may hold commas.",
        )
        .secret(),
        ConfigKey::new("cwd", ConfigKind::Path, "The working directory."),
        ConfigKey::new(
            "timeout",
            ConfigKind::Duration,
            "How long it may take; then the process group is killed.",
        ),
        ConfigKey::new(
            "mem_limit",
            ConfigKind::MemorySize,
            "Resident memory of the process tree; beyond it the group is killed.",
        ),
        ConfigKey::new("payload", ConfigKind::Base64, "Bytes for standard input, in base64."),
        ConfigKey::new("su", ConfigKind::User, "`user` or `user:group` to run as."),
    ],
};

/// How shells are run on this node.
#[derive(Debug, Clone, Copy)]
pub struct ShellOptions {
    /// Between the request to end and the kill of a cancelled run.
    pub kill_grace: Duration,
}

impl Default for ShellOptions {
    fn default() -> Self {
        Self { kill_grace: Duration::from_secs(10) }
    }
}

/// The executor `shell`.
#[derive(Clone)]
pub struct ShellExecutor {
    runner: RunnerClient,
    options: ShellOptions,
}

impl ShellExecutor {
    #[must_use]
    pub const fn new(runner: RunnerClient, options: ShellOptions) -> Self {
        Self { runner, options }
    }
}

impl Executor for ShellExecutor {
    fn name(&self) -> &'static str {
        SCHEMA.name
    }

    fn schema(&self) -> &'static ConfigSchema {
        &SCHEMA
    }

    fn tells_start(&self) -> bool {
        true
    }

    fn run(&self, run: Run, out: OutputSink, cancel: CancelToken) -> BoxFuture<Outcome> {
        let (runner, options) = (self.runner.clone(), self.options);
        Box::pin(async move {
            let Command { start, limits } = match Command::read(&run, out.limit()) {
                Ok(command) => command,
                Err(problem) => return Outcome::failed(problem),
            };
            let process = runner.start(start, out.clone()).await;
            until_ended(process, options, &limits, &out, &cancel).await
        })
    }

    fn resume(
        &self,
        held: &Held,
        out: OutputSink,
        cancel: CancelToken,
    ) -> Option<BoxFuture<Outcome>> {
        let options = self.options;
        let limits = Limits::from_note(&held.note)?;
        let process = self.runner.resume(held.seq, out.clone());
        Some(Box::pin(async move { until_ended(process, options, &limits, &out, &cancel).await }))
    }

    fn forget(&self, seq: u64) {
        self.runner.forget(seq);
    }
}

async fn until_ended(
    process: Result<RunningProcess, RunnerError>,
    options: ShellOptions,
    limits: &Limits,
    out: &OutputSink,
    cancel: &CancelToken,
) -> Outcome {
    let ended = async {
        let mut process = process?;
        let (ended, cancelled) = tokio::select! {
            ended = process.wait() => (ended?, false),
            () = cancel.cancelled() => {
                process.kill(options.kill_grace);
                (process.wait().await?, true)
            }
        };
        let (exit, tail, room) = process.tail(ended).await;
        out.brought(&tail, room);
        Ok(end::outcome(&exit, limits, out, cancelled))
    };
    ended.await.unwrap_or_else(|err| Outcome::failed(describe(&err)))
}

fn describe(err: &RunnerError) -> String {
    match std::error::Error::source(err) {
        Some(source) => format!("shell: {err}: {source}"),
        None => format!("shell: {err}"),
    }
}

#[cfg(test)]
mod survival_tests;
#[cfg(test)]
mod tests;
