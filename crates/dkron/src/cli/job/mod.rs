//! `dkron job`: jobs, one verb each.

mod change;
mod follow;
mod list;
mod next;
mod run;
mod why;

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use super::remote::{self, Remote, escaped};
use crate::client::{Ask, Exit, Failure};

pub use change::cancellation;
pub use follow::follow;

pub fn command() -> Command {
    Command::new("job")
        .about("Jobs: look at them, change them, run them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(remote::args())
        .subcommand(list::command())
        .subcommand(list::get_command())
        .subcommands(crate::cli::apply::commands(false))
        .subcommands(change::commands())
        .subcommand(run::command())
        .subcommand(next::command())
        .subcommand(why::command())
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some((verb, matches)) = matches.subcommand() else { return Ok(()) };
    let remote = Remote::of(matches)?;
    match verb {
        "list" => list::run(&remote, matches),
        "get" => list::get(&remote, matches),
        "run" => run::run(&remote, matches),
        "next" => next::run(&remote, matches),
        "why" => why::run(&remote, matches),
        "apply" | "plan" | "diff" => crate::cli::apply::run(&remote, verb, matches),
        verb => change::run(&remote, verb, matches),
    }
}

/// The job that a command is about.
fn name_arg() -> Arg {
    Arg::new("name").value_name("JOB").required(true).help("Name of the job")
}

fn name_of(matches: &ArgMatches) -> &str {
    matches.get_one::<String>("name").map_or("", String::as_str)
}

/// Why, for those who read the history.
fn reason_arg() -> Arg {
    Arg::new("reason").long("reason").value_name("TEXT").help("Why, for others to read")
}

/// The path of a job, and of what belongs to it.
pub fn path(name: &str, rest: &str) -> String {
    format!("/v1/jobs/{}{rest}", escaped(name))
}

/// A job as it is stored.
pub fn fetch(remote: &Remote, name: &str) -> anyhow::Result<Value> {
    match remote.client.find(Ask::get(path(name, "")))? {
        Some(answer) => answer.json(),
        None => Err(unknown(name)),
    }
}

pub fn unknown(name: &str) -> anyhow::Error {
    Failure::new(Exit::NotFound, format!("there is no job \"{name}\"")).into()
}

/// What was wanted of a job that may not be there.
pub fn of_job(remote: &Remote, name: &str, ask: Ask) -> anyhow::Result<crate::client::Answer> {
    // A refusal without words says that there is no such job.
    remote.client.ask(ask).map_err(|err| match Failure::exit_of(&err) {
        Exit::NotFound if err.to_string().starts_with("not found: ") => unknown(name),
        _ => err,
    })
}
