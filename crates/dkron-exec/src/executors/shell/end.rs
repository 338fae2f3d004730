//! Puts the end of a process into words.

use dkron_core::domain::{Timestamp, go_duration};

use crate::executor::{EndedBy, Outcome, OutcomeState};
use crate::output::OutputSink;
use crate::runner::{End, Exit};

use super::command::Limits;

/// The outcome; notes about limits go to the end of the output.
pub fn outcome(exit: &Exit, limits: &Limits, out: &OutputSink, cancelled: bool) -> Outcome {
    write_notes(exit, limits, out);
    let (code, error) = match &exit.end {
        End::Code(0) => (Some(0), None),
        End::Code(code) => (Some(*code), Some(format!("exit status {code}"))),
        End::Signal { number, core_dumped } => {
            let dumped = if *core_dumped { " (core dumped)" } else { "" };
            (None, Some(format!("signal: {}{dumped}", signal_name(*number))))
        }
        End::NotStarted(text) => (None, Some(text.clone())),
    };
    let ended_by = ended_by(exit, cancelled);
    let state = match (&exit.end, ended_by) {
        (End::NotStarted(_), _) => OutcomeState::Failed,
        // Asked to end, so the code says nothing about the work.
        (_, EndedBy::MaxRuntime) => OutcomeState::TimedOut,
        (_, EndedBy::Lease) => OutcomeState::Failed,
        (End::Code(0), _) => OutcomeState::Success,
        (_, EndedBy::Timeout) => OutcomeState::TimedOut,
        (_, EndedBy::Request) => OutcomeState::Cancelled,
        (_, EndedBy::Memory | EndedBy::Itself) => OutcomeState::Failed,
    };
    let error = match (state, error) {
        (OutcomeState::Success, _) => None,
        (_, None) => Some("ended before it was done".to_owned()),
        (_, error) => error,
    };
    let finished_at = Some(Timestamp::new(exit.ended_at.0, exit.ended_at.1));
    Outcome { state, exit_code: code, error, ended_by, finished_at }
}

fn write_notes(exit: &Exit, limits: &Limits, out: &OutputSink) {
    let command = &limits.command;
    let fate = if exit.kill_failed {
        "SIGKILL returned error. Job may not have been killed"
    } else {
        "Job was killed"
    };
    if exit.timed_out {
        let limit = go_duration::format(limits.timeout_nanos);
        let text = format!(
            "shell: Job '{command}' execution time exceeding defined timeout {limit}. {fate}"
        );
        out.write(text.as_bytes());
    }
    if let Some(used) = exit.memory_exceeded {
        let limit = limits.mem_limit.unwrap_or_default();
        let text = format!(
            "shell: Job '{command}' memory usage ({used} bytes) exceeding defined limit \
             ({limit} bytes). {fate}"
        );
        out.write(text.as_bytes());
    }
    if exit.left_over_killed {
        let text = format!(
            "shell: Job '{command}' left processes behind that held its output. They were killed"
        );
        out.write(text.as_bytes());
    }
    let spelled = |ms: Option<u64>| {
        let nanos = ms.unwrap_or_default().saturating_mul(1_000_000);
        go_duration::format(i64::try_from(nanos).unwrap_or(i64::MAX))
    };
    if exit.max_runtime {
        let limit = spelled(limits.max_runtime_ms);
        let text =
            format!("shell: Job '{command}' exceeded its max_runtime of {limit}. It was ended");
        out.write(text.as_bytes());
    }
    if exit.lease_over {
        let lease = spelled(limits.lease_ms);
        let text = format!(
            "shell: Job '{command}' was ended: no leader was heard for {lease}, so it could have \
             been started elsewhere"
        );
        out.write(text.as_bytes());
    }
}

fn ended_by(exit: &Exit, cancelled: bool) -> EndedBy {
    match exit {
        Exit { timed_out: true, .. } => EndedBy::Timeout,
        Exit { memory_exceeded: Some(_), .. } => EndedBy::Memory,
        Exit { max_runtime: true, .. } => EndedBy::MaxRuntime,
        Exit { lease_over: true, .. } => EndedBy::Lease,
        _ if cancelled => EndedBy::Request,
        _ => EndedBy::Itself,
    }
}

fn signal_name(number: i32) -> String {
    let name = match number {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}
