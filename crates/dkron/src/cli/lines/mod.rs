//! `dkron export`, `import file` and `backup`: everything a cluster knows as lines of JSON, out to
//! a file and in again. The lines tell themselves whether they are whole.

mod check;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::remote::{self, Remote};
use super::show;
use crate::client::{Ask, Exit, Failure};
use check::{Checker, Counts};

const PIECE: usize = 256 * 1024;

fn file_arg() -> Arg {
    Arg::new("file").value_name("FILE").required(true).help("The file")
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

pub fn export_command() -> Command {
    Command::new("export")
        .about("Print settings and jobs, one a line")
        .args(remote::args())
        .arg(flag("history", "Executions too"))
}

pub fn import_command() -> Command {
    Command::new("file")
        .about("Jobs of an export, or jobs one a line")
        .arg(file_arg().help("The file, or - for standard input"))
        .arg(flag("settings", "Take over the settings of the export too"))
        .args(super::apply::writing())
}

pub fn backup_command() -> Command {
    Command::new("backup")
        .about("Everything a cluster knows, in a file")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(remote::args())
        .subcommand(
            Command::new("create")
                .about("Write settings, jobs and executions into a file")
                .arg(file_arg())
                .arg(flag("no-history", "Leave executions out")),
        )
        .subcommand(Command::new("verify").about("Say whether a file is whole").arg(file_arg()))
        .subcommand(
            Command::new("restore")
                .about("Take settings and jobs out of a file")
                .arg(file_arg())
                .args(super::apply::writing()),
        )
}

pub fn export(matches: &ArgMatches) -> anyhow::Result<()> {
    let remote = Remote::of(matches)?;
    let counts = fetch(&remote, matches.get_flag("history"), show::raw)?;
    eprintln!("{counts}");
    Ok(())
}

pub fn backup(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some((verb, matches)) = matches.subcommand() else { return Ok(()) };
    let file = matches.get_one::<String>("file").map_or("", String::as_str);
    match verb {
        "create" => create(&Remote::of(matches)?, file, !matches.get_flag("no-history")),
        "verify" => {
            let counts = verify(file)?;
            show::done(
                remote::format(matches),
                &json!(counts),
                format!("{file} is whole: {counts}"),
            )
        }
        "restore" => take_in(&Remote::of(matches)?, file, true, matches),
        _ => Ok(()),
    }
}

pub fn import_file(matches: &ArgMatches) -> anyhow::Result<()> {
    let file = matches.get_one::<String>("file").map_or("", String::as_str);
    take_in(&Remote::of(matches)?, file, matches.get_flag("settings"), matches)
}

/// An export as it comes; an error if it is not whole.
fn fetch(
    remote: &Remote,
    history: bool,
    mut write: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Counts> {
    let target = if history { "/v1/export?history" } else { "/v1/export" };
    let mut stream = remote.client.stream(Ask::get(target).patience(None))?;
    let mut checker = Checker::default();
    let mut piece = vec![0; PIECE];
    loop {
        let read = stream.read(&mut piece).map_err(|err| {
            Failure::new(Exit::Unreachable, format!("the export broke off: {err}"))
        })?;
        if read == 0 {
            return checker.whole();
        }
        checker.piece(&piece[..read])?;
        write(&piece[..read])?;
    }
}

/// The file is there once it is whole and on the disk.
fn create(remote: &Remote, name: &str, history: bool) -> anyhow::Result<()> {
    let path = Path::new(name);
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = private(&part).with_context(|| part.display().to_string())?;
    let written = fetch(remote, history, |piece| {
        file.write_all(piece).with_context(|| part.display().to_string())
    });
    let counts = match written.and_then(|counts| Ok(file.sync_all().map(|()| counts)?)) {
        Ok(counts) => counts,
        Err(err) => {
            // What is left of it is of no use; the error is what counts.
            let _ = fs::remove_file(&part);
            return Err(err);
        }
    };
    fs::rename(&part, path).with_context(|| name.to_owned())?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    show::done(remote.format, &json!(counts), format!("{name}: {counts}"))
}

/// Definitions hold secrets.
fn private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().create(true).write(true).truncate(true).mode(0o600).open(path)
}

fn verify(name: &str) -> anyhow::Result<Counts> {
    let mut file = File::open(name).with_context(|| name.to_owned())?;
    let mut checker = Checker::default();
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece).with_context(|| name.to_owned())?;
        if read == 0 {
            return checker.whole().with_context(|| name.to_owned());
        }
        checker.piece(&piece[..read]).with_context(|| name.to_owned())?;
    }
}

/// The server checks all lines before it stores any.
fn take_in(
    remote: &Remote,
    name: &str,
    settings: bool,
    matches: &ArgMatches,
) -> anyhow::Result<()> {
    if name != "-" {
        let counts = verify(name)?;
        let what = if settings { "settings and jobs" } else { "jobs" };
        let said = format!("{name}: {counts}; {what} of the same names are replaced");
        if !super::apply::agreed_to_words(&said, matches)? {
            return Ok(());
        }
    } else if matches.get_flag("dry-run") {
        return Err(crate::client::usage(
            "standard input can be read once: --dry-run wants a file",
        ));
    }
    let target = if settings { "/v1/import?settings" } else { "/v1/import" };
    let ask = match name {
        "-" => Ask::post(target).lines_from(std::io::stdin()),
        name => Ask::post(target).lines(File::open(name).with_context(|| name.to_owned())?),
    };
    let answer = remote.client.ask(ask)?.json()?;
    let (jobs, left_out) = (&answer["jobs"], answer["executions_left_out"].as_u64().unwrap_or(0));
    let mut said = format!("{jobs} jobs are stored");
    if left_out > 0 {
        said.push_str(&format!(", {left_out} executions stay in the file"));
    }
    show::done(remote.format, &answer, said)?;
    let refused = answer["refused"].as_array().map_or(&[][..], Vec::as_slice);
    match refused.first() {
        None => Ok(()),
        Some(first) => {
            let said = format!("some jobs were refused when they were to be stored: {first} …");
            Err(Failure::new(Exit::Error, said).into())
        }
    }
}
