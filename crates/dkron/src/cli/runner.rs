//! `dkron runner`: the small process that starts the processes of jobs. Agents start it, people
//! don't.

use anyhow::Context;
use clap::Command;

pub const NAME: &str = "runner";

pub fn command() -> Command {
    Command::new(NAME).hide(true)
}

pub fn run() -> anyhow::Result<()> {
    dkron_exec::runner::runner_main()
        .context("the runner ended; it is started by agents and not by hand")
}
