//! `dkron scheduling`: pauses, during which nothing starts by itself.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::remote::{self, Remote, escaped, pair};
use super::show::{self, Column, cell, clock};
use crate::client::Ask;

pub fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let pause = Command::new("pause")
        .about("Let nothing start by itself: of all jobs, or of some")
        .arg(text("reason", "TEXT", "Why, for others to read"))
        .arg(text("until", "WHEN", "An instant, or a span such as 2h; else until somebody resumes"))
        .arg(text("job", "JOB", "Only this job").action(ArgAction::Append))
        .arg(text("prefix", "TEXT", "Only jobs whose names begin with it"))
        .arg(
            text("metadata", "KEY=VALUE", "Only jobs with it in their metadata")
                .action(ArgAction::Append),
        );
    let id = Arg::new("id").value_name("ID").help("A pause; all of them if none is named");
    Command::new("scheduling")
        .about("Pauses, during which nothing starts by itself")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(remote::args())
        .subcommand(Command::new("list").about("Show pauses"))
        .subcommand(pause)
        .subcommand(Command::new("resume").about("End pauses").arg(id))
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some((verb, matches)) = matches.subcommand() else { return Ok(()) };
    let remote = Remote::of(matches)?;
    match verb {
        "pause" => {
            let pause = Ask::post("/v1/scheduling/pause").json(&wanted(matches)?);
            let pause = remote.client.ask(pause)?.json()?;
            let said = format!("Scheduling is paused, pause {}", cell(&pause["id"]));
            show::done(remote.format, &pause, said)
        }
        "resume" => {
            let ask = match matches.get_one::<String>("id") {
                Some(id) => Ask::delete(format!("/v1/scheduling/pause/{}", escaped(id))),
                None => Ask::post("/v1/scheduling/resume"),
            };
            let ended = remote.client.ask(ask)?.json()?;
            show::done(remote.format, &ended, "Scheduling goes on")
        }
        _ => {
            let found = remote.client.get("/v1/scheduling")?.json()?;
            let pauses = found["pauses"].as_array().cloned().unwrap_or_default();
            show::list(remote.format, COLUMNS, &pauses)
        }
    }
}

/// All jobs are meant if none are named.
fn wanted(matches: &ArgMatches) -> anyhow::Result<Value> {
    let text = |name: &str| matches.get_one::<String>(name);
    let texts = |name: &str| matches.get_many::<String>(name).into_iter().flatten();
    let mut scope = Map::new();
    let jobs: Vec<&String> = texts("job").collect();
    if !jobs.is_empty() {
        scope.insert("jobs".to_owned(), json!(jobs));
    }
    if let Some(prefix) = text("prefix") {
        scope.insert("prefix".to_owned(), json!(prefix));
    }
    let metadata = texts("metadata").map(|text| pair(text).map(|(key, value)| (key, json!(value))));
    let metadata = metadata.collect::<anyhow::Result<Map<_, _>>>()?;
    if !metadata.is_empty() {
        scope.insert("metadata".to_owned(), Value::Object(metadata));
    }
    let mut body = json!({ "by": super::me() });
    for name in ["reason", "until"] {
        if let Some(text) = text(name) {
            body[name] = json!(text);
        }
    }
    if !scope.is_empty() {
        body["scope"] = Value::Object(scope);
    }
    Ok(body)
}

const COLUMNS: &[Column] = &[
    Column::new("ID", |pause| cell(&pause["id"])),
    Column::new("Since", |pause| clock(&pause["since"])),
    Column::new("Until", |pause| clock(&pause["until"])),
    Column::new("Scope", |pause| cell(&pause["scope"])),
    Column::new("By", |pause| cell(&pause["by"])),
    Column::new("Reason", |pause| cell(&pause["reason"])),
];
