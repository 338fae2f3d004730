//! `dkron execution`: what ran and what runs, and what it wrote.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::Value;

use super::job::{follow, of_job, path};
use super::remote::{self, Remote, escaped, query};
use super::show::{self, Column, cell, clock, took};
use crate::client::{Ask, Exit, Failure};

pub fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let job = || Arg::new("job").value_name("JOB").required(true).help("Name of the job");
    let id = || Arg::new("id").value_name("ID").help("Its execution; the latest if none is named");
    let list = Command::new("list")
        .about("Show executions, the newest first")
        .arg(job().required(false).help("Only those of this job"))
        .arg(text("state", "STATE", "Only those in this state").action(ArgAction::Append))
        .arg(text("node", "NAME", "Only those on this node"))
        .arg(text("from", "INSTANT", "Only those that ended then or later"))
        .arg(text("to", "INSTANT", "Only those that ended before"))
        .arg(
            text("limit", "N", "At most so many")
                .default_value("20")
                .value_parser(value_parser!(u32).range(1..=1000)),
        );
    let follow = Arg::new("follow").short('f').long("follow").action(ArgAction::SetTrue);
    Command::new("execution")
        .visible_alias("exec")
        .about("Executions: what ran, what runs, what it wrote")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(remote::args())
        .subcommand(list)
        .subcommand(Command::new("get").about("Show one execution").arg(job()).arg(id()))
        .subcommand(
            Command::new("logs")
                .about("Show what an execution wrote")
                .arg(job())
                .arg(id())
                .arg(follow.help("Go on until it has ended")),
        )
        .subcommand(
            Command::new("cancel")
                .about("End an execution")
                .arg(job())
                .arg(id().required(true).help("Its execution"))
                .arg(text("reason", "TEXT", "Why, for others to read")),
        )
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some((verb, matches)) = matches.subcommand() else { return Ok(()) };
    let remote = Remote::of(matches)?;
    match verb {
        "list" => list(&remote, matches),
        "get" => get(&remote, matches),
        "logs" => logs(&remote, matches),
        "cancel" => cancel(&remote, matches),
        _ => Ok(()),
    }
}

fn list(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let states: Vec<&str> =
        matches.get_many::<String>("state").into_iter().flatten().map(String::as_str).collect();
    let limit = matches.get_one::<u32>("limit").copied().unwrap_or(20);
    let filtered = text("node").is_some() || text("from").is_some() || text("to").is_some();
    let found = match text("job") {
        Some(job) if states.is_empty() && !filtered => of_one_job(remote, job, limit)?,
        job => {
            let limit = limit.to_string();
            let mut pairs = vec![
                ("job", job),
                ("node", text("node")),
                ("from", text("from")),
                ("to", text("to")),
                ("limit", Some(limit.as_str())),
                ("output_size_limit", Some("0")),
            ];
            pairs.extend(states.iter().map(|state| ("state", Some(*state))));
            let mut found =
                array(&remote.client.get(format!("/v1/executions{}", query(&pairs)))?.json()?);
            // The server takes the beginning of a name.
            found.retain(|one| job.is_none_or(|job| one["job_name"] == job));
            found
        }
    };
    show::list(remote.format, COLUMNS, &found)
}

/// The newest of one job.
fn of_one_job(remote: &Remote, job: &str, limit: u32) -> anyhow::Result<Vec<Value>> {
    let target = format!("/executions?_start=0&_end={limit}&output_size_limit=0");
    Ok(array(&of_job(remote, job, Ask::get(path(job, &target)))?.json()?))
}

fn array(value: &Value) -> Vec<Value> {
    let list = value.as_array().or_else(|| value["executions"].as_array());
    list.cloned().unwrap_or_default()
}

/// The id that was named, or that of the newest execution.
fn id(remote: &Remote, job: &str, matches: &ArgMatches) -> anyhow::Result<String> {
    if let Some(id) = matches.get_one::<String>("id") {
        return Ok(id.clone());
    }
    let newest = of_one_job(remote, job, 1)?;
    match newest.first().and_then(|one| one["id"].as_str()) {
        Some(id) => Ok(id.to_owned()),
        None => Err(Failure::new(Exit::NotFound, format!("job \"{job}\" never ran")).into()),
    }
}

fn job(matches: &ArgMatches) -> &str {
    matches.get_one::<String>("job").map_or("", String::as_str)
}

fn get(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let job = job(matches);
    let id = id(remote, job, matches)?;
    let target = path(job, &format!("/executions/{}", escaped(&id)));
    match remote.client.find(Ask::get(target))? {
        Some(answer) => show::one(remote.format, FIELDS, &answer.json()?),
        None => Err(unknown(job, &id)),
    }
}

fn unknown(job: &str, id: &str) -> anyhow::Error {
    Failure::new(Exit::NotFound, format!("job \"{job}\" has no execution \"{id}\"")).into()
}

fn logs(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let job = job(matches);
    let id = id(remote, job, matches)?;
    if matches.get_flag("follow") {
        return follow(remote, job, &id, None);
    }
    let target = path(job, &format!("/executions/{}/output", escaped(&id)));
    show::raw(&of_job(remote, job, Ask::get(target))?.body)
}

fn cancel(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let (job, id) = (job(matches), id(remote, job(matches), matches)?);
    let target = path(job, &format!("/executions/{}/cancel", escaped(&id)));
    let ask = Ask::post(target).json(&super::job::cancellation(matches));
    let met = of_job(remote, job, ask)?.json()?;
    let said = match met["executions"].as_array().map_or(0, Vec::len) {
        0 => format!("The retry after execution {id} is dropped"),
        _ => format!("Execution {id} is ended"),
    };
    show::done(remote.format, &met, said)
}

pub const COLUMNS: &[Column] = &[
    Column::new("ID", |one| cell(&one["id"])),
    Column::new("Job", |one| cell(&one["job_name"])),
    Column::state("State", |one| cell(&one["state"])),
    Column::new("Node", |one| cell(&one["node_name"])),
    Column::new("Started", |one| clock(&one["started_at"])),
    Column::new("Took", |one| took(&one["started_at"], &one["finished_at"])),
    Column::new("Attempt", |one| cell(&one["attempt"])),
    Column::new("Reason", |one| cell(&one["reason"])),
    Column::wide("Scheduled", |one| clock(&one["scheduled_at"])),
    Column::wide("Exit", |one| cell(&one["exit_code"])),
    Column::wide("Group", |one| cell(&one["group"])),
];

const FIELDS: &[Column] = &[
    Column::new("ID", |one| cell(&one["id"])),
    Column::new("Job", |one| cell(&one["job_name"])),
    Column::state("State", |one| cell(&one["state"])),
    Column::new("Reason", |one| cell(&one["reason"])),
    Column::new("Exit code", |one| cell(&one["exit_code"])),
    Column::new("Node", |one| cell(&one["node_name"])),
    Column::new("Scheduled", |one| clock(&one["scheduled_at"])),
    Column::new("Started", |one| clock(&one["started_at"])),
    Column::new("Finished", |one| clock(&one["finished_at"])),
    Column::new("Took", |one| took(&one["started_at"], &one["finished_at"])),
    Column::new("Attempt", |one| cell(&one["attempt"])),
    Column::new("Group", |one| cell(&one["group"])),
    Column::new("Cancelled", |one| cell(&one["cancelled"])),
    Column::new("Parameters", |one| cell(&one["parameters"])),
    Column::new("Late result", |one| cell(&one["late_result"])),
    Column::new("Output", |one| cell(&one["output"]).trim_end().to_owned()),
];
