//! `dkron doc`: a page for each command, as Markdown or as manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::show;

pub fn command() -> Command {
    let folder = Arg::new("dir").long("dir").value_name("DIR").default_value("/tmp/dkrondoc/");
    let man = Arg::new("man").long("man").action(ArgAction::SetTrue);
    Command::new("doc")
        .about("Write a page for each command")
        .arg(folder.value_parser(value_parser!(PathBuf)).help("Where the pages go"))
        .arg(man.help("Manual pages instead of Markdown"))
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let folder = matches.get_one::<PathBuf>("dir").cloned().unwrap_or_default();
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut root = super::command();
    root.build();
    if matches.get_flag("man") {
        manuals(&folder, &root, "dkron")?;
    } else {
        markdown(&folder, &root, &["dkron".to_owned()])?;
    }
    show::say(format!("The pages are in {}", folder.display()))
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    let listed = |child: &&Command| !child.is_hide_set() && child.get_name() != "help";
    command.get_subcommands().filter(listed)
}

fn manuals(folder: &Path, command: &Command, name: &str) -> anyhow::Result<()> {
    // Its own name would be the last word alone.
    let named = command.clone().name(name.to_owned()).disable_help_subcommand(true);
    let mut page = Vec::new();
    clap_mangen::Man::new(named).render(&mut page).context("writing a page")?;
    write(folder, &format!("{name}.1"), &page)?;
    shown(command)
        .try_for_each(|child| manuals(folder, child, &format!("{name}-{}", child.get_name())))
}

fn markdown(folder: &Path, command: &Command, path: &[String]) -> anyhow::Result<()> {
    let about =
        |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = format!("## {}\n\n{}\n", path.join(" "), about(command));
    let help = command.clone().bin_name(path.join(" ")).render_help().to_string();
    // The first line is the text above.
    let help = help.strip_prefix(&about(command)).unwrap_or(&help).trim();
    page.push_str(&format!("\n```\n{help}\n```\n"));
    let children: Vec<&Command> = shown(command).collect();
    if path.len() > 1 || !children.is_empty() {
        page.push_str("\n### SEE ALSO\n\n");
    }
    if let Some((_, parent)) = path.split_last().filter(|(_, parent)| !parent.is_empty()) {
        page.push_str(&format!("* [{}]({}.md)\n", parent.join(" "), parent.join("_")));
    }
    for child in children {
        let path: Vec<String> = path.iter().cloned().chain([child.get_name().to_owned()]).collect();
        let (title, file) = (path.join(" "), path.join("_"));
        page.push_str(&format!("* [{title}]({file}.md) – {}\n", about(child)));
        markdown(folder, child, &path)?;
    }
    write(folder, &format!("{}.md", path.join("_")), page.as_bytes())
}

fn write(folder: &Path, name: &str, page: &[u8]) -> anyhow::Result<()> {
    let file = folder.join(name);
    fs::write(&file, page).with_context(|| file.display().to_string())
}
