//! `dkron completion`: what a shell reads to complete commands.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use super::show;

pub fn command() -> Command {
    let shell = Arg::new("shell").value_name("SHELL").required(true);
    // Dkron's command has it; descriptions are where the shell shows them.
    let plain = Arg::new("no-descriptions").long("no-descriptions").hide(true);
    Command::new("completion")
        .about("Print what a shell needs to complete commands")
        .after_help(
            "bash: dkron completion bash > /etc/bash_completion.d/dkron\n\
             zsh:  dkron completion zsh > \"${fpath[1]}/_dkron\"\n\
             fish: dkron completion fish > ~/.config/fish/completions/dkron.fish",
        )
        .arg(shell.value_parser(value_parser!(Shell)).help("The shell"))
        .arg(plain.action(ArgAction::SetTrue))
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some(shell) = matches.get_one::<Shell>("shell") else { return Ok(()) };
    let mut text = Vec::new();
    clap_complete::generate(*shell, &mut super::command(), "dkron", &mut text);
    show::raw(&text)
}
