//! Verbs that change a job or end what runs of it: delete, toggle, enable, disable, cancel.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{fetch, name_of, of_job, path, reason_arg};
use crate::cli::remote::Remote;
use crate::cli::show;
use crate::client::Ask;

pub fn commands() -> [Command; 5] {
    let names = || {
        let names = Arg::new("names").value_name("JOB").required(true).num_args(1..);
        names.action(ArgAction::Append).help("Names of jobs")
    };
    [
        Command::new("delete").about("Delete jobs and their histories").arg(names()),
        Command::new("toggle")
            .about("Switch jobs off that are on, and on that are off")
            .arg(names()),
        Command::new("enable").about("Switch jobs on").arg(names()),
        Command::new("disable").about("Switch jobs off").arg(names()),
        Command::new("cancel")
            .about("End all that runs of a job, and what waits")
            .arg(super::name_arg())
            .arg(reason_arg()),
    ]
}

pub fn run(remote: &Remote, verb: &str, matches: &ArgMatches) -> anyhow::Result<()> {
    if verb == "cancel" {
        return cancel(remote, matches);
    }
    for name in matches.get_many::<String>("names").into_iter().flatten() {
        let (answer, said) = match verb {
            "delete" => (of_job(remote, name, Ask::delete(path(name, "")))?, "deleted"),
            "toggle" => {
                let answer = of_job(remote, name, Ask::post(path(name, "/toggle")))?;
                let said = if answer.json()?["disabled"] == true { "disabled" } else { "enabled" };
                (answer, said)
            }
            verb => match switch(remote, name, verb == "disable")? {
                Some(answer) => (answer, if verb == "disable" { "disabled" } else { "enabled" }),
                None => {
                    let job = fetch(remote, name)?;
                    show::done(remote.format, &job, format!("Job {name} is so already"))?;
                    continue;
                }
            },
        };
        show::done(remote.format, &answer.json()?, format!("Job {name} is {said}"))?;
    }
    Ok(())
}

/// Only if it is not so already. The toggle counts for the version that was looked at alone.
fn switch(remote: &Remote, name: &str, off: bool) -> anyhow::Result<Option<crate::client::Answer>> {
    let job = fetch(remote, name)?;
    if (job["disabled"] == true) == off {
        return Ok(None);
    }
    let mut ask = Ask::post(path(name, "/toggle"));
    if let Some(version) = job["version"].as_u64() {
        ask = ask.header("if-match", format!("\"v{version}\""));
    }
    of_job(remote, name, ask).map(Some)
}

fn cancel(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let name = name_of(matches);
    let ask = Ask::post(path(name, "/cancel")).json(&cancellation(matches));
    let met = of_job(remote, name, ask)?.json()?;
    let executions = met["executions"].as_array().map_or(0, Vec::len);
    let (retries, queued) = (&met["retries"], &met["queued"]);
    let said = format!(
        "{executions} executions ended, {retries} retries and {queued} in the queue dropped"
    );
    show::done(remote.format, &met, said)
}

/// Who and why, as the server keeps it.
pub fn cancellation(matches: &ArgMatches) -> Value {
    let mut body = Map::new();
    if let Some(reason) = matches.get_one::<String>("reason") {
        body.insert("reason".to_owned(), json!(reason));
    }
    body.insert("by".to_owned(), json!(crate::cli::me()));
    Value::Object(body)
}
