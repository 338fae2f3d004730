//! `dkron job why`: why a job did or did not run at an instant.

use clap::{Arg, ArgMatches, Command};

use super::{name_arg, name_of, of_job, path};
use crate::cli::remote::{Remote, query};
use crate::cli::show::{self, Column, cell, clock};
use crate::client::Ask;

pub fn command() -> Command {
    Command::new("why").about("Say why a job did or did not run at an instant").arg(name_arg()).arg(
        Arg::new("at")
            .long("at")
            .value_name("INSTANT")
            .required(true)
            .help("Such as 2030-01-01T02:30:00Z"),
    )
}

pub fn run(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let name = name_of(matches);
    let at = matches.get_one::<String>("at").map(String::as_str);
    let ask = Ask::get(path(name, &format!("/why{}", query(&[("at", at)]))));
    show::one(remote.format, FIELDS, &of_job(remote, name, ask)?.json()?)
}

const FIELDS: &[Column] = &[
    Column::state("Verdict", |why| cell(&why["verdict"])),
    Column::new("Why", |why| cell(&why["text"])),
    Column::new("Slot", |why| clock(&why["slot"])),
    Column::new("Before", |why| clock(&why["before"])),
    Column::new("After", |why| clock(&why["after"])),
    Column::new("Executions", |why| cell(&why["executions"])),
    Column::new("Skipped", |why| cell(&why["skipped"])),
];
