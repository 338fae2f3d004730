//! Reads the configuration of a shell job into an order for the runner.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dkron_core::domain::{go_duration, mem_limit};
use serde::{Deserialize, Serialize};

use crate::config::{ConfigMap, flag, text};
use crate::executor::Run;
use crate::runner::Start;

use super::{user, variables, words};

const SHELL: &str = "/bin/sh";
const NANOS_PER_MS: i64 = 1_000_000;

/// An order, and what is needed to put its end into words.
pub struct Command {
    pub start: Start,
    pub limits: Limits,
}

/// The limits of a run, and the command as texts quote it. The runner keeps them with the run for
/// whoever takes it up; fields are added at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub command: String,
    pub timeout_nanos: i64,
    pub mem_limit: Option<u64>,
    pub max_runtime_ms: Option<u64>,
    pub lease_ms: Option<u64>,
}

impl Limits {
    /// From what the runner kept; nothing if it is of another kind.
    pub fn from_note(note: &[u8]) -> Option<Self> {
        postcard::from_bytes(note).ok()
    }

    fn note(&self) -> Bytes {
        postcard::to_stdvec(self).map(Bytes::from).unwrap_or_default()
    }
}

impl Command {
    /// Reads it; everything that can be wrong with a configuration is found here, before anything
    /// is started.
    pub fn read(run: &Run, output_limit: usize) -> Result<Self, String> {
        let config = &run.executor_config;
        let command = text(config, "command");
        let argv = argv(config, command)?;
        let timeout_nanos = timeout(text(config, "timeout"))?;
        let mem_limit = memory(text(config, "mem_limit"))?;
        let user = match text(config, "su") {
            "" => None,
            name => Some(user::look_up(name)?),
        };
        let terms = &run.terms;
        let limits = Limits {
            command: command.to_owned(),
            timeout_nanos,
            mem_limit,
            max_runtime_ms: terms.max_runtime.map(whole_millis),
            lease_ms: terms.lease.map(whole_millis),
        };
        let start = Start {
            seq: run.seq,
            argv,
            env: environment(run)?,
            cwd: text(config, "cwd").to_owned(),
            user,
            umask: None,
            stdin: payload(text(config, "payload"))?,
            timeout_ms: milliseconds(timeout_nanos),
            max_runtime_ms: limits.max_runtime_ms,
            lease_ms: limits.lease_ms,
            grace_ms: whole_millis(terms.grace),
            mem_limit,
            output_limit: output_limit as u64,
            note: limits.note(),
        };
        check_texts(&start)?;
        Ok(Self { start, limits })
    }
}

fn argv(config: &ConfigMap, command: &str) -> Result<Vec<String>, String> {
    if flag(config, "shell") {
        return Ok(vec![SHELL.to_owned(), "-c".to_owned(), command.to_owned()]);
    }
    let words = words::split(command).map_err(|err| err.to_string())?;
    if words.is_empty() {
        return Err("shell: Command missing".to_owned());
    }
    Ok(words)
}

fn timeout(value: &str) -> Result<i64, String> {
    if value.is_empty() {
        return Ok(0);
    }
    go_duration::parse(value).map_err(|_| "shell: Error parsing job timeout".to_owned())
}

/// Rounded up, so that a run never has less time than it was given. Zero means no limit.
fn milliseconds(nanos: i64) -> Option<u64> {
    match nanos {
        0 => None,
        _ => Some(u64::try_from(nanos).unwrap_or(0).div_ceil(NANOS_PER_MS.unsigned_abs())),
    }
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn memory(value: &str) -> Result<Option<u64>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let failed = |reason| format!("shell: Error parsing job memory limit: {reason}");
    mem_limit::parse(value).map(Some).map_err(failed)
}

/// What the job says, then the facts about the run, which nobody can overrule.
fn environment(run: &Run) -> Result<Vec<(String, String)>, String> {
    let mut env = variables::read(text(&run.executor_config, "env"))?;
    env.push(("ENV_JOB_NAME".to_owned(), run.job_name.clone()));
    env.extend(run.facts().map(|(name, value)| (name.to_owned(), value)));
    Ok(env)
}

/// Line ends within base64 are no part of it.
fn payload(value: &str) -> Result<Bytes, String> {
    if value.is_empty() {
        return Ok(Bytes::new());
    }
    let text: Vec<u8> = value.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    STANDARD.decode(&text).map(Bytes::from).map_err(|err| {
        let at = match err {
            base64::DecodeError::InvalidByte(at, _) => at,
            base64::DecodeError::InvalidLastSymbol { offset, .. } => offset,
            _ => text.len(),
        };
        format!("illegal base64 data at input byte {at} (correct `payload`)")
    })
}

/// The kernel's texts end at a zero byte.
fn check_texts(start: &Start) -> Result<(), String> {
    let problem = |key: &str| Err(format!("shell: `{key}` contains a zero byte; remove it"));
    if start.argv.iter().any(|word| word.contains('\0')) {
        return problem("command");
    }
    if start.env.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return problem("env");
    }
    if start.cwd.contains('\0') {
        return problem("cwd");
    }
    Ok(())
}
