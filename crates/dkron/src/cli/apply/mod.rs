//! `dkron apply`, `plan` and `diff`: a server gets what files say, and one sees what that means
//! before it happens.

mod diff;
mod files;
mod outlook;
mod plan;
mod text;

use std::io::{IsTerminal, Write};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::job::path;
use super::remote::{self, Remote};
use super::show::{self, Format};
use crate::client::{Ask, Exit, Failure, usage};
pub use files::Written;
use plan::{Action, Item, Plan, Set};

/// The same commands stand at the top and below `job`.
pub fn commands(top: bool) -> [Command; 3] {
    let file = || {
        let arg = Arg::new("file").short('f').long("file").value_name("FILE").required(true);
        arg.action(ArgAction::Append).help("Jobs as YAML, JSON or a line each; a folder; - = stdin")
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let owner = || {
        Arg::new("owner")
            .long("owner")
            .value_name("NAME")
            .help("Mark the jobs as this one's (metadata managed-by)")
    };
    let prune = || {
        flag("prune", "Delete jobs with the owner's mark that no file has any more")
            .requires("owner")
    };
    let code = || flag("exit-code", "Exit code 7 if something would change");
    let apply = Command::new("apply")
        .about("Make the server have what files say")
        .args([file(), owner(), prune()])
        .args(writing());
    let plan = Command::new("plan").about("Show what apply would do").args([
        file(),
        owner(),
        prune(),
        code(),
    ]);
    let diff = Command::new("diff").about("Show in which fields files and server differ").args([
        file(),
        owner(),
        prune(),
        code(),
    ]);
    let all = [apply, plan, diff];
    if top { all.map(|command| command.args(remote::args())) } else { all }
}

/// What commands take that write jobs after they showed a plan.
pub fn writing() -> [Arg; 2] {
    [
        Arg::new("yes").short('y').long("yes").action(ArgAction::SetTrue).help("Do not ask"),
        Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("Show the plan and change nothing"),
    ]
}

pub fn run(remote: &Remote, verb: &str, matches: &ArgMatches) -> anyhow::Result<()> {
    let owner = matches.get_one::<String>("owner").map(String::as_str);
    let set = Set { owner, prune: matches.get_flag("prune") };
    let mut written = Vec::new();
    for from in matches.get_many::<String>("file").into_iter().flatten() {
        written.extend(files::read(from)?);
    }
    if written.is_empty() && !set.prune {
        return Err(usage("the files have no jobs"));
    }
    if verb == "apply" {
        return deliver(remote, written, set, matches);
    }
    let mut plan = Plan::make(remote, written, set)?;
    if verb == "plan" {
        outlook::add(remote, &mut plan);
    }
    print(remote, &plan)?;
    if matches.get_flag("exit-code") && plan.changes() > 0 {
        return Err(Failure::silent(Exit::Changes).into());
    }
    Ok(())
}

/// Jobs that belong to no set of files, such as those of an import.
pub fn deliver_jobs(
    remote: &Remote,
    written: Vec<Written>,
    matches: &ArgMatches,
) -> anyhow::Result<()> {
    deliver(remote, written, Set::default(), matches)
}

/// The same with counters: what is written is the list as it was read.
pub fn restore_jobs(
    remote: &Remote,
    written: Vec<Written>,
    whole: Vec<u8>,
    matches: &ArgMatches,
) -> anyhow::Result<()> {
    let mut plan = Plan::make(remote, written, Set::default())?;
    if !agreed_to(remote, &mut plan, matches)? {
        return Ok(());
    }
    let answer = remote.client.ask(Ask::post("/v1/restore").form("file", &whole))?;
    // A list as a text in a text.
    let lines: Vec<String> = match answer.json()? {
        Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
        _ => Vec::new(),
    };
    let failed: Vec<&String> = lines.iter().filter(|line| line.starts_with("fail")).collect();
    if let Some(first) = failed.first() {
        let said =
            format!("{} of {} jobs were refused, such as: {first}", failed.len(), lines.len());
        return Err(Failure::new(Exit::Error, said).into());
    }
    if matches!(remote.format, Format::Table | Format::Wide) {
        show::say("Done")?;
    }
    Ok(())
}

/// Shows the plan, asks whoever sits at a terminal, and carries it out.
fn deliver(
    remote: &Remote,
    written: Vec<Written>,
    set: Set<'_>,
    matches: &ArgMatches,
) -> anyhow::Result<()> {
    let mut plan = Plan::make(remote, written, set)?;
    if agreed_to(remote, &mut plan, matches)? { carry_out(remote, &plan) } else { Ok(()) }
}

/// Shows the plan; whether it is to be carried out.
fn agreed_to(remote: &Remote, plan: &mut Plan, matches: &ArgMatches) -> anyhow::Result<bool> {
    outlook::add(remote, plan);
    print(remote, plan)?;
    if plan.changes() == 0 {
        return Ok(false);
    }
    agreed_anyway(matches)
}

/// The same for what is said in one line.
pub fn agreed_to_words(words: &str, matches: &ArgMatches) -> anyhow::Result<bool> {
    eprintln!("{words}");
    agreed_anyway(matches)
}

fn agreed_anyway(matches: &ArgMatches) -> anyhow::Result<bool> {
    if matches.get_flag("dry-run") {
        return Ok(false);
    }
    let asks = std::io::stdin().is_terminal() && !matches.get_flag("yes");
    if asks && !agreed()? {
        return Err(Failure::new(Exit::Error, "nothing was changed").into());
    }
    Ok(true)
}

fn print(remote: &Remote, plan: &Plan) -> anyhow::Result<()> {
    match remote.format {
        Format::Table | Format::Wide => show::say(text::text(plan, show::coloured())),
        format => show::value(format, &json!({ "plan": plan.items })),
    }
}

fn agreed() -> anyhow::Result<bool> {
    eprint!("Carry it out? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Step by step. What fails ends it; the same command goes on from there.
fn carry_out(remote: &Remote, plan: &Plan) -> anyhow::Result<()> {
    let steps = plan.items.iter().filter(|item| item.action != Action::Unchanged);
    for (done, item) in steps.enumerate() {
        step(remote, item).map_err(|err| {
            let many = plan.changes();
            err.context(format!("{done} of {many} changes are made, job \"{}\" is not", item.name))
        })?;
    }
    if matches!(remote.format, Format::Table | Format::Wide) {
        show::say("Done")?;
    }
    Ok(())
}

/// A job that was changed since the plan was made is left as it is.
fn step(remote: &Remote, item: &Item) -> anyhow::Result<()> {
    let version = item.version.map(|version| format!("\"v{version}\""));
    let ask = match item.action {
        Action::Create => {
            let job = Value::Object(item.job.clone());
            Ask::post("/v1/jobs").json(&job).header("if-none-match", "*")
        }
        Action::Update => Ask::put(path(&item.name, "")).json(&Value::Object(item.job.clone())),
        Action::Delete => Ask::delete(path(&item.name, "")),
        Action::Unchanged => return Ok(()),
    };
    let ask = match version {
        Some(version) => ask.header("if-match", version),
        None => ask,
    };
    let answer = remote.client.ask(ask)?;
    if let Some(warning) = answer.header("warning") {
        eprintln!("Warning: job \"{}\": {}", item.name, warning.trim_start_matches("299 dkron "));
    }
    Ok(())
}
