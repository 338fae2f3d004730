//! `dkron job run`: a run by hand, with parameters of its own if need be, waited for or watched.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::follow::Watch;
use super::{name_arg, name_of, of_job, path};
use crate::cli::execution::COLUMNS;
use crate::cli::remote::{Remote, pair};
use crate::cli::show::{self, Format};
use crate::client::{Ask, Exit, Failure, usage};

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let pairs = |name: &'static str, help: &'static str| {
        let arg = Arg::new(name).long(name).value_name("KEY=VALUE");
        arg.action(ArgAction::Append).help(help)
    };
    Command::new("run")
        .about("Run a job now")
        .arg(name_arg())
        .arg(flag("wait", "Wait for the end; exit code 6 if it was not a success"))
        .arg(flag("follow", "Show what it writes, and wait for the end").short('f'))
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SPAN")
                .help("Wait no longer than this, such as 10m; the run goes on"),
        )
        .arg(pairs("env", "A variable of its environment, for this run").short('e'))
        .arg(pairs("config", "A key of the executor's configuration, for this run"))
        .arg(pairs("tag", "Run on nodes with this tag instead of the job's"))
        .arg(
            Arg::new("node")
                .long("node")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("Run on this node, whatever the job's tags say"),
        )
        .arg(
            Arg::new("payload")
                .long("payload")
                .value_name("TEXT")
                .help("What it reads on standard input, for this run; @FILE takes a file's text"),
        )
        .arg(super::reason_arg())
}

pub fn run(remote: &Remote, matches: &ArgMatches) -> anyhow::Result<()> {
    let name = name_of(matches);
    let patience = match matches.get_one::<String>("timeout") {
        None => None,
        Some(text) => {
            Some(crate::words::span(text).map_err(|said| usage(format!("--timeout: {said}")))?)
        }
    };
    let ask = Ask::post(path(name, "/run")).once()?;
    let ask = match parameters(matches)? {
        Some(parameters) => {
            understood(remote)?;
            ask.json(&parameters)
        }
        None => ask,
    };
    let answer = of_job(remote, name, ask)?;
    let group = answer.header("x-dkron-group").map(str::to_owned);
    let waits = matches.get_flag("wait") || matches.get_flag("follow");
    let Some(group) = group else {
        let said = format!("Job {name} waits for its turn in the queue");
        if waits && answer.header("x-dkron-queued").is_some() {
            return Err(Failure::new(Exit::Error, format!("{said}; it can not be watched")).into());
        }
        return show::done(remote.format, &answer.json()?, said);
    };
    if !waits {
        let said = format!("Job {name} runs, group {group}");
        return show::done(remote.format, &json!({ "job": name, "group": group }), said);
    }
    let until = patience.and_then(|patience| Instant::now().checked_add(patience));
    let watch = Watch { remote, name, group: &group, until, show: matches.get_flag("follow") };
    ended(remote, &watch.to_the_end()?)
}

/// What came of it, and the exit code that says so.
fn ended(remote: &Remote, executions: &[Value]) -> anyhow::Result<()> {
    match remote.format {
        // Standard output may be that of the run.
        Format::Table | Format::Wide => {
            let wide = remote.format == Format::Wide;
            eprintln!("{}", show::table(COLUMNS, executions, wide, false));
        }
        format => show::value(format, &json!(executions))?,
    }
    if is_success(executions) { Ok(()) } else { Err(Failure::silent(Exit::RunFailed).into()) }
}

/// Each node's last attempt decides.
fn is_success(executions: &[Value]) -> bool {
    let attempt = |one: &Value| one["attempt"].as_u64().unwrap_or(0);
    let last = |one: &Value| {
        let same = executions.iter().filter(|other| other["node_name"] == one["node_name"]);
        same.map(attempt).max() == Some(attempt(one))
    };
    let mut ends = executions.iter().filter(|one| last(one)).peekable();
    ends.peek().is_some() && ends.all(|one| one["success"] == true)
}

/// A server that does not know parameters would leave them out without a word, so its description
/// of itself is looked at first.
fn understood(remote: &Remote) -> anyhow::Result<()> {
    let answer = remote.client.find(Ask::get("/v1/openapi.json"));
    let described = answer.ok().flatten().and_then(|answer| answer.json().ok());
    let described = described.unwrap_or_default();
    if described["paths"]["/v1/jobs/{job_name}/run"]["post"]["requestBody"].is_object() {
        return Ok(());
    }
    let said = "this server takes no parameters for a run: it is older than this command";
    Err(Failure::new(Exit::Error, said).into())
}

/// What is other than the definition in this run; nothing where nothing was said.
fn parameters(matches: &ArgMatches) -> anyhow::Result<Option<Value>> {
    let mut body = Map::new();
    for (arg, key) in [("env", "env"), ("config", "config"), ("tag", "tags")] {
        let pairs = matches.get_many::<String>(arg).into_iter().flatten();
        let pairs = pairs
            .map(|text| pair(text).map(|(key, value)| (key, Value::String(value))))
            .collect::<anyhow::Result<Map<_, _>>>()?;
        if !pairs.is_empty() {
            body.insert(key.to_owned(), Value::Object(pairs));
        }
    }
    let nodes: Vec<&String> = matches.get_many::<String>("node").into_iter().flatten().collect();
    if !nodes.is_empty() {
        body.insert("nodes".to_owned(), json!(nodes));
    }
    if let Some(payload) = matches.get_one::<String>("payload") {
        let text = match payload.strip_prefix('@') {
            Some(file) => {
                std::fs::read_to_string(file).with_context(|| format!("--payload {file}"))?
            }
            None => payload.clone(),
        };
        body.insert("payload".to_owned(), Value::String(text));
    }
    if let Some(reason) = matches.get_one::<String>("reason") {
        body.insert("reason".to_owned(), json!(reason));
    }
    if body.is_empty() {
        return Ok(None);
    }
    body.insert("by".to_owned(), json!(crate::cli::me()));
    Ok(Some(Value::Object(body)))
}

/// Between two looks at a run; it grows while nothing happens.
pub const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_of_each_node_decides() {
        let one = |node: &str, attempt: u64, success: bool| {
            let mut end = json!({"node_name": node, "attempt": attempt});
            end["success"] = json!(success);
            end
        };
        assert!(is_success(&[one("a", 1, true)]));
        assert!(is_success(&[one("a", 2, true), one("a", 1, false), one("b", 1, true)]));
        assert!(!is_success(&[one("a", 1, true), one("b", 1, false)]));
        assert!(!is_success(&[]));
    }

    #[test]
    fn parameters_are_what_was_said() {
        let parse = |args: &[&str]| {
            let matches = command().try_get_matches_from(args).unwrap();
            parameters(&matches).unwrap()
        };
        assert_eq!(parse(&["run", "a"]), None);
        let said = parse(&["run", "a", "-e", "A=1", "--env=B=2", "--payload", "x", "--tag", "t=1"]);
        let said = said.unwrap();
        assert_eq!((&said["env"], &said["payload"]), (&json!({"A": "1", "B": "2"}), &json!("x")));
        assert_eq!((&said["tags"], said["by"].is_string()), (&json!({"t": "1"}), true));
    }
}
