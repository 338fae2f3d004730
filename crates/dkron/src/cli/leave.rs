//! `dkron leave`: a node says goodbye and ends.

use clap::{ArgMatches, Command};

use super::console;

pub fn command() -> Command {
    Command::new("leave").about("Make a node leave the cluster and end").args(console::args())
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    console::ask(matches, "POST", "/v1/leave", String::new())?.json()?;
    println!("Left the cluster successfully");
    Ok(())
}
