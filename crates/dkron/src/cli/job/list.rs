//! `dkron job list` and `dkron job get`.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::Value;

use super::{fetch, name_arg, name_of};
use crate::cli::remote::{Remote, query};
use crate::cli::show::{self, Column, Format, cell, clock};
use crate::rest::normal::POLICIES;

const LIMIT: &str = "100";

pub fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("list")
        .about("Show jobs")
        .arg(Arg::new("text").value_name("TEXT").help("Only those whose name has it"))
        .arg(text("status", "STATUS", "success, failed, partially_failed, untriggered or running"))
        .arg(
            text("metadata", "KEY=VALUE", "Only those with it in their metadata")
                .action(ArgAction::Append),
        )
        .arg(text("selector", "WORDS", "Only those whose metadata match, such as team=a,env!=dev"))
        .arg(Arg::new("disabled").long("disabled").action(ArgAction::SetTrue).help("Only those"))
        .arg(text("sort", "FIELD", "Any field of a job, such as next or error_count"))
        .arg(Arg::new("desc").long("desc").action(ArgAction::SetTrue).help("The other way round"))
        .arg(
            text("limit", "N", "At most so many")
                .default_value(LIMIT)
                .value_parser(value_parser!(u32)),
        )
}

pub fn get_command() -> Command {
    Command::new("get").about("Show one job").arg(name_arg())
}

pub fn run(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let limit = matches.get_one::<u32>("limit").copied().unwrap_or(100).to_string();
    let mut pairs = vec![
        ("_start", Some("0")),
        ("_end", Some(limit.as_str())),
        ("q", text("text")),
        ("status", text("status")),
        ("selector", text("selector")),
        ("_sort", text("sort")),
        ("_order", matches.get_flag("desc").then_some("DESC")),
        ("disabled", matches.get_flag("disabled").then_some("true")),
    ];
    for pair in matches.get_many::<String>("metadata").into_iter().flatten() {
        crate::cli::remote::pair(pair)?;
        pairs.push(("metadata", Some(pair)));
    }
    let answer = remote.client.get(format!("/v1/jobs{}", query(&pairs)))?;
    let total: usize = answer.header("x-total-count").and_then(|n| n.parse().ok()).unwrap_or(0);
    let Value::Array(jobs) = answer.json()? else {
        anyhow::bail!("the server's answer is no list of jobs");
    };
    show::list(remote.format, COLUMNS, &jobs)?;
    if total > jobs.len() {
        eprintln!("{} of {total}; --limit shows more", jobs.len());
    }
    Ok(())
}

pub fn get(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let job = fetch(remote, name_of(matches))?;
    match remote.format {
        Format::Wide => show::list(Format::Wide, COLUMNS, &[job]),
        format => show::one(format, FIELDS, &job),
    }
}

const COLUMNS: &[Column] = &[
    Column::new("Name", |job| cell(&job["name"])),
    Column::new("Schedule", schedule),
    Column::state("Status", status),
    Column::new("Next", |job| clock(&job["next"])),
    Column::new("Running", |job| cell(&job["running"])),
    Column::new("Good", |job| cell(&job["success_count"])),
    Column::new("Bad", |job| cell(&job["error_count"])),
    Column::wide("Zone", |job| cell(&job["timezone"])),
    Column::wide("Executor", |job| cell(&job["executor"])),
    Column::wide("Overlap", |job| cell(&job["concurrency"])),
    Column::wide("Retries", |job| cell(&job["retries"])),
    Column::wide("Owner", |job| cell(&job["owner"])),
    Column::wide("Last success", |job| clock(&job["last_success"])),
    Column::wide("Last error", |job| clock(&job["last_error"])),
    Column::wide("Version", |job| cell(&job["version"])),
];

const FIELDS: &[Column] = &[
    Column::new("Name", |job| cell(&job["name"])),
    Column::new("Shown as", |job| match &job["displayname"] {
        name if *name == job["name"] => String::new(),
        name => cell(name),
    }),
    Column::new("Schedule", schedule),
    Column::new("Zone", |job| cell(&job["timezone"])),
    Column::state("Status", status),
    Column::new("Next", |job| clock(&job["next"])),
    Column::new("Running", |job| cell(&job["running"])),
    Column::new("Runs", |job| {
        format!("{} good, {} bad", cell(&job["success_count"]), cell(&job["error_count"]))
    }),
    Column::new("Last success", |job| clock(&job["last_success"])),
    Column::new("Last error", |job| clock(&job["last_error"])),
    Column::new("Executor", |job| cell(&job["executor"])),
    Column::new("Configuration", |job| lines(&job["executor_config"])),
    Column::new("Processors", |job| cell(&job["processors"])),
    Column::new("Children", |job| cell(&job["dependent_jobs"])),
    Column::new("Tags", |job| cell(&job["tags"])),
    Column::new("Metadata", |job| cell(&job["metadata"])),
    Column::new("Overlap", |job| cell(&job["concurrency"])),
    Column::new("Retries", |job| cell(&job["retries"])),
    Column::new("Owner", |job| match (cell(&job["owner"]), cell(&job["owner_email"])) {
        (owner, email) if email == "-" => owner,
        (owner, email) if owner == "-" => email,
        (owner, email) => format!("{owner} <{email}>"),
    }),
    Column::new("Starts at", |job| clock(&job["starts_at"])),
    Column::new("Expires at", |job| clock(&job["expires_at"])),
    Column::new("Beyond", beyond),
    Column::new("Version", |job| cell(&job["version"])),
];

fn beyond(job: &Value) -> String {
    let said = POLICIES.iter().filter(|key| !job[**key].is_null());
    said.map(|key| format!("{key}: {}", cell(&job[*key]))).collect::<Vec<_>>().join("\n")
}

fn lines(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    pairs.map(|(key, value)| format!("{key}: {}", cell(value))).collect::<Vec<_>>().join("\n")
}

/// A child has no schedule but a parent.
fn schedule(job: &Value) -> String {
    match job["parent_job"].as_str() {
        Some(parent) if !parent.is_empty() => format!("after {parent}"),
        _ => cell(&job["schedule"]),
    }
}

fn status(job: &Value) -> String {
    let status = match job["status"].as_str() {
        Some("") | None => "untriggered",
        Some(status) => status,
    };
    if job["disabled"] == true { format!("disabled ({status})") } else { status.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_job_in_words() {
        let job = json!({
            "name": "a", "displayname": "a", "schedule": "@every 1m", "parent_job": "",
            "status": "success", "disabled": true, "next": "2026-01-01T00:00:01.5Z", "running": 0,
            "success_count": 3, "error_count": 0, "executor": "shell",
            "executor_config": {"command": "date"}, "concurrency": "allow", "retries": 0,
            "owner": "ann", "owner_email": "a@b", "max_runtime": "1m0s", "version": 2,
        });
        let shown = show::fields(FIELDS, &job, false);
        assert!(shown.starts_with("Name:           a\nSchedule:       @every 1m\n"), "{shown}");
        assert!(shown.contains("Status:         disabled (success)\n"), "{shown}");
        assert!(shown.contains("Owner:          ann <a@b>\n"), "{shown}");
        assert!(shown.contains("Beyond:         max_runtime: 1m0s\n"), "{shown}");
        let listed = show::table(COLUMNS, &[job], false, false);
        let row = "a     @every 1m  disabled (success)  2026-01-01T00:00:01Z  0        3     0";
        assert_eq!(listed.lines().nth(1), Some(row));
    }
}
