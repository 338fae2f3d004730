//! `dkron import`: jobs of cron, Kubernetes or a live Dkron, shown as a plan and then written.

use std::io::Read;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::apply::{self, Written};
use super::lines;
use super::remote::{self, Remote};
use super::show::{self, Format};
use crate::client::{Client, Exit, Failure, usage};
use crate::import::{Imported, crontab, dkron, kubernetes};

pub fn command() -> Command {
    let file = |help: &'static str| Arg::new("file").value_name("FILE").required(true).help(help);
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let prefix = || {
        let arg = Arg::new("prefix").long("prefix").value_name("TEXT").default_value("");
        arg.hide_default_value(true).help("Begin each name with this")
    };
    let crontab = Command::new("crontab")
        .about("Jobs of a table of cron")
        .arg(file("The table, or - for standard input (crontab -l | dkron import crontab -)"))
        .arg(flag("system", "The user stands before the command, as in /etc/crontab"))
        .arg(flag("user", "No user stands there").conflicts_with("system"))
        .arg(prefix())
        .args(apply::writing());
    let kubernetes = Command::new("kubernetes")
        .about("CronJobs of Kubernetes, as YAML")
        .arg(file("The documents, or - for standard input (kubectl get cronjobs -o yaml)"))
        .arg(prefix())
        .args(apply::writing());
    let from = Arg::new("from").long("from").value_name("URL").required(true);
    let dkron = Command::new("dkron")
        .about("Jobs of a live Dkron, with their counters")
        .arg(from.help("Where its API is, such as http://old:8080"))
        .args(apply::writing());
    Command::new("import")
        .about("Take jobs over from elsewhere; -o yaml writes files instead")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(remote::args())
        .subcommand(crontab)
        .subcommand(kubernetes)
        .subcommand(dkron)
        .subcommand(lines::import_command())
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some((verb, matches)) = matches.subcommand() else { return Ok(()) };
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let prefix = || crontab::prefix(text("prefix"));
    match verb {
        "crontab" => {
            let form = match (matches.get_flag("system"), matches.get_flag("user")) {
                (true, _) => crontab::Form::System,
                (_, true) => crontab::Form::User,
                _ => crontab::form_of(text("file")),
            };
            let table = read(text("file"))?;
            deliver(matches, text("file"), crontab::read(&table, form, &prefix()))
        }
        "kubernetes" => {
            let documents = read(text("file"))?;
            let documents = serde_saphyr::from_multiple(&documents)
                .map_err(|err| anyhow::anyhow!("{}: {err}", text("file")))?;
            deliver(matches, text("file"), kubernetes::read(documents, &prefix()))
        }
        "file" => lines::import_file(matches),
        "dkron" => live(matches, text("from")),
        _ => Ok(()),
    }
}

fn read(file: &str) -> anyhow::Result<String> {
    if file != "-" {
        return std::fs::read_to_string(file).with_context(|| file.to_owned());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input")?;
    Ok(text)
}

/// Shows and writes what was read; ends with 1 if something could not become a job.
fn deliver(matches: &ArgMatches, place: &str, imported: Imported) -> anyhow::Result<()> {
    let Imported { jobs, notes, refused } = imported;
    let format = remote::format(matches);
    if files(format) {
        let jobs = Value::Array(jobs.into_iter().map(Value::Object).collect());
        show::value(format, &jobs)?;
    } else if !jobs.is_empty() {
        let place = place.to_owned();
        let written = jobs.into_iter().map(|job| Written { place: place.clone(), job }).collect();
        apply::deliver_jobs(&Remote::of(matches)?, written, matches)?;
    }
    report(&notes, &refused);
    match refused.len() {
        0 => Ok(()),
        many => {
            Err(Failure::new(Exit::Error, format!("{many} entries could not be imported")).into())
        }
    }
}

/// Whether job files are wanted instead of jobs.
fn files(format: Format) -> bool {
    matches!(format, Format::Json | Format::Yaml)
}

fn report(notes: &[String], refused: &[String]) {
    notes.iter().for_each(|note| eprintln!("note: {note}"));
    refused.iter().for_each(|said| eprintln!("not imported: {said}"));
}

/// Jobs come with their counters, so they go the way of a restored backup.
fn live(matches: &ArgMatches, from: &str) -> anyhow::Result<()> {
    let source = Client::new(from)?;
    let Value::Array(jobs) = source.get("/v1/jobs")?.json()? else {
        return Err(usage(format!("{from} answers with no list of jobs: is it a Dkron?")));
    };
    let format = remote::format(matches);
    if files(format) {
        show::value(format, &Value::Array(jobs.clone()))?;
        report(&dkron::differences(&jobs, None), &[]);
        return Ok(());
    }
    let remote = Remote::of(matches)?;
    let settings = remote.client.get("/v1/settings").and_then(|answer| answer.json());
    let settings = settings.unwrap_or_default();
    let notes = dkron::differences(&jobs, settings["zone"].as_str());
    let written = jobs.iter().filter_map(|job| {
        let definition = crate::rest::normal::definition(job);
        (!definition.is_empty()).then(|| Written { place: from.to_owned(), job: definition })
    });
    let whole = json!(jobs).to_string();
    apply::restore_jobs(&remote, written.collect(), whole.into_bytes(), matches)?;
    report(&notes, &[]);
    Ok(())
}
