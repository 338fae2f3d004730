//! Puts the end of a process into words.

use dkron_core::domain::go_duration;

use crate::executor::{Outcome, OutcomeState};
use crate::output::OutputSink;
use crate::runner::{End, Exit};

use super::command::Limits;

/// The outcome; notes about limits go to the end of the output.
pub fn outcome(exit: &Exit, limits: &Limits, out: &OutputSink, cancelled: bool) -> Outcome {
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
    let (code, error) = match &exit.end {
        End::Code(0) => (Some(0), None),
        End::Code(code) => (Some(*code), Some(format!("exit status {code}"))),
        End::Signal { number, core_dumped } => {
            let dumped = if *core_dumped { " (core dumped)" } else { "" };
            (None, Some(format!("signal: {}{dumped}", signal_name(*number))))
        }
        End::NotStarted(text) => (None, Some(text.clone())),
    };
    let state = match (&exit.end, &error) {
        (_, None) => OutcomeState::Success,
        (End::NotStarted(_), _) => OutcomeState::Failed,
        _ if exit.timed_out => OutcomeState::TimedOut,
        _ if exit.memory_exceeded.is_some() => OutcomeState::Failed,
        _ if cancelled => OutcomeState::Cancelled,
        _ => OutcomeState::Failed,
    };
    Outcome { state, exit_code: code, error }
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
