//! `dkron context`: names for servers, kept for the person who runs the command.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::remote;
use super::show::{self, Column, cell};
use crate::client::{Client, Contexts, Entry};

pub fn command() -> Command {
    let name = || Arg::new("name").value_name("NAME").required(true).help("Name of the context");
    Command::new("context")
        .about("Names for servers, one of them in use")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(remote::output())
        .subcommand(Command::new("list").about("Show all contexts"))
        .subcommand(Command::new("use").about("Ask this one from now on").arg(name()))
        .subcommand(
            Command::new("set").about("Name a server").arg(name()).arg(
                Arg::new("url").long("url").value_name("URL").required(true).help("Its address"),
            ),
        )
        .subcommand(Command::new("delete").about("Forget a name").arg(name()))
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some((verb, matches)) = matches.subcommand() else { return Ok(()) };
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let mut contexts = Contexts::load()?;
    if verb == "list" {
        return show::list(remote::format(matches), COLUMNS, &rows(&contexts));
    }
    let name = text("name");
    let said = match verb {
        "use" => {
            contexts.find(&name)?;
            contexts.current = Some(name.clone());
            format!("Context {name} is in use")
        }
        "set" => {
            let url = text("url");
            Client::new(&url)?;
            contexts.contexts.insert(name.clone(), Entry { url: url.clone() });
            // The first one is there to be used.
            contexts.current.get_or_insert_with(|| name.clone());
            format!("Context {name} is {url}")
        }
        _ => {
            contexts.find(&name)?;
            contexts.contexts.remove(&name);
            contexts.current.take_if(|current| *current == name);
            format!("Context {name} is forgotten")
        }
    };
    contexts.store()?;
    show::say(said)
}

fn rows(contexts: &Contexts) -> Vec<Value> {
    let row = |(name, entry): (&String, &Entry)| {
        let current = contexts.current.as_ref() == Some(name);
        json!({ "name": name, "url": entry.url, "current": current })
    };
    contexts.contexts.iter().map(row).collect()
}

const COLUMNS: &[Column] = &[
    Column::new("Name", |row| cell(&row["name"])),
    Column::new("URL", |row| cell(&row["url"])),
    Column::new("In use", |row| if row["current"] == true { "*".into() } else { String::new() }),
];
