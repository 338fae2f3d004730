//! `dkron agent`: reads the configuration and hands it to the start of a node.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::boot::{self, Reload, Source};
use crate::config::flags::{FLAGS, Flag, Kind};
use crate::logging;

pub fn command() -> Command {
    let command = Command::new("agent")
        .about("Start a node")
        .after_help("Every option can stand in the environment too: DKRON_HTTP_ADDR, DKRON_TAG …")
        .args_override_self(true);
    FLAGS.iter().fold(command, |command, flag| command.arg(arg(flag)))
}

/// Booleans stand alone or as `--name=false`, as Go's flags do; a repeated option's last value
/// counts, lists collect.
fn arg(flag: &'static Flag) -> Arg {
    let arg = Arg::new(flag.name).long(flag.name).help(help(flag)).allow_hyphen_values(true);
    match flag.kind {
        Kind::Bool => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .allow_hyphen_values(false)
            .action(ArgAction::Set),
        Kind::List => arg.action(ArgAction::Append),
        _ => arg.action(ArgAction::Set),
    }
}

fn help(flag: &Flag) -> String {
    match flag.default {
        "" => flag.help.to_owned(),
        default => format!("{} [default: {default}]", flag.help),
    }
}

pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let source = Source { flags: given(matches), host };
    let layers = source.layers()?;
    let checked = layers.boolean("config-check")?;
    if checked {
        print!("{}", layers.report()?);
    }
    let options = source.options(&layers)?;
    if checked {
        for warning in &options.warnings {
            println!("warning: {warning}");
        }
        println!("the configuration can be used");
        return Ok(());
    }
    let levels = logging::start(&options.log, &options.node.name);
    let reload = Reload { source, layers, levels };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(boot::run(options, reload));
    // A blocking call that hangs must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

/// The options that stand on the command line, with their texts.
fn given(matches: &ArgMatches) -> BTreeMap<String, Vec<String>> {
    let set = |flag: &&Flag| matches.value_source(flag.name) == Some(ValueSource::CommandLine);
    let texts = |flag: &Flag| {
        let values = matches.get_many::<String>(flag.name).into_iter().flatten();
        (flag.name.to_owned(), values.cloned().collect())
    };
    FLAGS.iter().filter(set).map(texts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<BTreeMap<String, Vec<String>>, clap::Error> {
        let args = std::iter::once("agent").chain(args.iter().copied());
        command().try_get_matches_from(args).map(|matches| given(&matches))
    }

    #[test]
    fn flags_are_read_as_go_reads_them() {
        let got = parse(&[
            "--server",
            "--ui=false",
            "--tag",
            "a=1",
            "--tag=b=2,c=3",
            "--region",
            "x",
            "--region=y",
        ])
        .unwrap();
        assert_eq!(got["server"], ["true"]);
        assert_eq!(got["ui"], ["false"]);
        assert_eq!(got["tag"], ["a=1", "b=2,c=3"]);
        assert_eq!(got["region"].last().unwrap(), "y");
        assert!(!got.contains_key("profile"));
        assert!(parse(&["--server", "false"]).is_err(), "no argument stands free");
        assert!(parse(&["--nope"]).is_err());
        assert_eq!(parse(&["--http-addr", ":8080"]).unwrap()["http-addr"], [":8080"]);
    }
}
