//! The command line: what was asked for, and the exit code. One file for each subcommand.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod agent;
mod apply;
mod cluster;
mod completion;
mod console;
mod context;
mod doc;
mod execution;
mod import;
mod job;
mod keygen;
mod leave;
mod lines;
mod node;
mod raft;
mod remote;
mod runner;
mod scheduling;
mod show;
mod top;
mod version;

use std::process::ExitCode;

use clap::Command;
use clap::error::ErrorKind;

use crate::client::{Exit, Failure};

/// The hidden command by which an agent starts its runner.
pub const RUNNER: &str = runner::NAME;
/// The flag by which that runner ends with its agent.
pub const RUNNER_WITH_AGENT: &str = concat!("--", "with-agent");

/// Runs what the process was called for.
pub fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(err) => {
            let asked = matches!(err.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // A closed pipe on the other side is no reason for another exit code.
            let _ = err.print();
            return if asked { ExitCode::SUCCESS } else { wrongly_written().into() };
        }
    };
    let result = match matches.subcommand() {
        Some(("agent", matches)) => agent::run(matches),
        Some(("leave", matches)) => leave::run(matches),
        Some(("raft", matches)) => raft::run(matches),
        Some(("cluster", matches)) => cluster::run(matches),
        Some(("node", matches)) => node::run(matches),
        Some(("job", matches)) => job::run(matches),
        Some(("execution", matches)) => execution::run(matches),
        Some(("context", matches)) => context::run(matches),
        Some((verb @ ("apply" | "plan" | "diff"), matches)) => {
            remote::Remote::of(matches).and_then(|remote| apply::run(&remote, verb, matches))
        }
        Some(("import", matches)) => import::run(matches),
        Some(("scheduling", matches)) => scheduling::run(matches),
        Some(("top", matches)) => top::run(matches),
        Some(("export", matches)) => lines::export(matches),
        Some(("backup", matches)) => lines::backup(matches),
        Some(("completion", matches)) => completion::run(matches),
        Some(("doc", matches)) => doc::run(matches),
        Some(("version", _)) => version::run(),
        Some(("keygen", _)) => keygen::run(),
        Some((runner::NAME, matches)) => runner::run(matches),
        _ => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            let text = format!("{err:#}");
            if !text.is_empty() {
                eprintln!("Error: {text}");
            }
            Failure::exit_of(&err).into()
        }
    }
}

/// Commands that Dkron has end as Dkron's do; the others have a code for it.
fn wrongly_written() -> Exit {
    let word = std::env::args().nth(1).unwrap_or_default();
    match word.as_str() {
        "agent" | "leave" | "raft" | "keygen" | "version" => Exit::Error,
        _ => Exit::Usage,
    }
}

/// Who asks, where the server keeps that.
fn me() -> String {
    std::env::var("USER").map_or_else(|_| "cli".to_owned(), |user| format!("cli {user}"))
}

/// All commands.
pub fn command() -> Command {
    Command::new("dkron")
        .about("Distributed job scheduler, compatible with Dkron")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(agent::command())
        .subcommand(version::command())
        .subcommand(leave::command())
        .subcommand(raft::command())
        .subcommand(cluster::command())
        .subcommand(node::command())
        .subcommand(job::command())
        .subcommand(execution::command())
        .subcommands(apply::commands(true))
        .subcommand(scheduling::command())
        .subcommand(top::command())
        .subcommand(import::command())
        .subcommand(lines::export_command())
        .subcommand(lines::backup_command())
        .subcommand(context::command())
        .subcommand(keygen::command())
        .subcommand(completion::command())
        .subcommand(doc::command())
        .subcommand(runner::command())
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_commands_are_well_formed() {
        super::command().debug_assert();
    }
}
