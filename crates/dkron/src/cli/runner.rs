//! `dkron runner`: the small process that starts the processes of jobs. Agents start it, people
//! don't.

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};
use dkron_exec::runner::{RunnerSettings, runner_main};

pub const NAME: &str = "runner";
/// It ends with its agent, and so does everything it has started.
pub const WITH_AGENT: &str = "with-agent";

pub fn command() -> Command {
    let with_agent = Arg::new(WITH_AGENT).long(WITH_AGENT).action(ArgAction::SetTrue);
    Command::new(NAME).hide(true).arg(with_agent)
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let with_agent = matches.get_flag(WITH_AGENT);
    runner_main(RunnerSettings { with_agent, ..RunnerSettings::default() })
        .context("the runner ended; it is started by agents and not by hand")
}
