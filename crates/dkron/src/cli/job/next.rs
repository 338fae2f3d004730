//! `dkron job next`: when a job, or a schedule that no job has yet, fires.

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::{fetch, name_arg, name_of};
use crate::cli::remote::{Remote, query};
use crate::cli::show::{self, Format, cell, clock};
use crate::client::usage;

pub fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("next")
        .about("Show when a job or a schedule fires next")
        .arg(name_arg().required(false).required_unless_present("schedule"))
        .arg(text("schedule", "TEXT", "A schedule that no job has yet"))
        .arg(text("timezone", "ZONE", "Its zone, such as Europe/Berlin"))
        .arg(text("after", "INSTANT", "Begin there instead of now, such as 2030-01-01T00:00:00Z"))
        .arg(
            Arg::new("count")
                .short('n')
                .long("count")
                .value_name("N")
                .default_value("5")
                .value_parser(value_parser!(u32).range(1..=100))
                .help("How many"),
        )
}

pub fn run(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let count = matches.get_one::<u32>("count").copied().unwrap_or(5).to_string();
    let job = match name_of(matches) {
        "" => Value::Null,
        name => fetch(remote, name)?,
    };
    let said = |key: &str| job[key].as_str().filter(|text| !text.is_empty());
    if let Some(parent) = said("parent_job") {
        return show::say(format!("It runs each time {parent} has succeeded"));
    }
    let Some(schedule) = text("schedule").or(said("schedule")) else {
        return Err(usage("the job has no schedule"));
    };
    // What counts from the job's beginning is known for its next slot alone; the others follow it.
    let anchored = text("schedule").is_none() && schedule.starts_with("@every");
    let own = said("next").filter(|next| anchored && clock_said(next));
    let asked = query(&[
        ("schedule", Some(schedule)),
        ("timezone", text("timezone").or(said("timezone"))),
        ("dst", said("dst")),
        ("job", said("name")),
        ("after", text("after").or(own)),
        ("n", Some(&count)),
    ]);
    let mut preview = remote.client.get(format!("/v1/schedule/preview{asked}"))?.json()?;
    if let (Some(own), None) = (own, text("after")) {
        let most = count.parse().unwrap_or(usize::MAX);
        for (key, first) in [("next", json!(own)), ("local", json!({ "at": own }))] {
            if let Some(list) = preview[key].as_array_mut() {
                list.insert(0, first);
                list.truncate(most);
            }
        }
    }
    if !matches!(remote.format, Format::Table | Format::Wide) {
        return show::value(remote.format, &preview);
    }
    show::say(words(&preview))?;
    if job["disabled"] == true {
        eprintln!("The job is disabled: nothing of it fires");
    }
    Ok(())
}

/// A job that is never due again has the year 1 there.
fn clock_said(next: &str) -> bool {
    clock(&next.into()) != "-"
}

/// One instant a line, behind what the schedule means.
pub fn words(preview: &Value) -> String {
    let mut lines = Vec::new();
    if let Some(words) = preview["words"].as_str() {
        lines.push(words.to_owned());
    }
    let list = |key: &str| preview[key].as_array().filter(|list| !list.is_empty());
    match list("local").or(list("next")) {
        Some(list) => lines.extend(list.iter().map(instant)),
        None => lines.push("never".to_owned()),
    }
    for gap in list("skipped").into_iter().flatten() {
        let (wall, dst) = (cell(&gap["wall"]), cell(&gap["dst"]));
        lines.push(format!("not {wall}: {dst}"));
    }
    if let Some(note) = preview["note"].as_str() {
        lines.push(format!("note: {note}"));
    }
    lines.join("\n")
}

/// By the wall clock of the zone, with what a change of the clocks makes of it.
fn instant(one: &Value) -> String {
    let at = if one.is_object() { clock(&one["at"]) } else { clock(one) };
    match one["dst"].as_str() {
        Some(note) => format!("{at}  {note}"),
        None => at,
    }
}
