//! The page of all options, as `docs/configuration.md` holds it.

use std::fmt::Write as _;

use super::flags::{FILE_ONLY, FLAGS, Flag, Stage};

const HEAD: &str = "\
# Configuration

Every option of `dkron agent`, made from the table in `crates/dkron/src/config/flags.rs` by
`UPDATE_EXPECT=1 cargo test -p dkron reference`.

An option can stand in four places; the strongest that names it counts:

1. the command line: `--http-addr 127.0.0.1:8080`, switches also as `--ui=false`;
2. the environment: `DKRON_HTTP_ADDR=127.0.0.1:8080`;
3. a file: `http-addr: 127.0.0.1:8080`, in YAML, TOML or JSON. `--config FILE`, or the first
   `dkron.json`, `.toml`, `.yaml`, `.yml` in `/etc/dkron`, `~/.dkron`, `./config`;
4. the default.

Lists are repeated or separated by commas on the command line, separated by commas in the
environment (`DKRON_TAG` by blanks), and lists in a file.
A file that can not be read ends the start; a key that is not known is a warning that names the
nearest one.
`dkron agent --config-check` shows every option that is set, where it stands, and what is wrong,
and starts nothing.
SIGHUP reads file and environment again: tags and the log level count at once, what else has
changed is named in the log because it needs a restart.
A *first setting* is what a new cluster begins with; later the stored ones count
([settings](concepts/settings.md)).

| option | default | |
|---|---|---|
";

/// The whole page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for flag in FLAGS {
        let default = match flag.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let _ = writeln!(page, "| `{}`{} | {default} | {} |", flag.name, kind(flag), about(flag));
    }
    page.push_str("\nOnly in a file:\n\n| key | |\n|---|---|\n");
    for key in FILE_ONLY {
        let about = match *key {
            "bootstrap" => "`true` is `bootstrap-expect: 1`",
            "devmode" => "the same as `dev`",
            "tags" => "a map of tags; not looked at when there is a `tag`",
            _ => "accepted, has no effect yet",
        };
        let _ = writeln!(page, "| `{key}` | {about} |");
    }
    page
}

fn kind(flag: &Flag) -> &'static str {
    use super::flags::Kind;
    match flag.kind {
        Kind::Text => "",
        Kind::Int | Kind::Uint16 => " number",
        Kind::Bool => " switch",
        Kind::List => " list",
    }
}

fn about(flag: &Flag) -> String {
    let mut about = flag.help.to_owned();
    if flag.ours {
        about.push_str("; not in Dkron");
    }
    match flag.stage {
        Stage::Works => {}
        Stage::Later => about.push_str("; **no effect yet**"),
        Stage::Never(why) => {
            let _ = write!(about, ": {why}");
        }
    }
    about
}

#[cfg(test)]
mod tests {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

    #[test]
    fn the_page_is_what_the_table_says() {
        let page = super::page();
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(FILE, &page).unwrap();
        }
        let kept = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(kept == page, "old: UPDATE_EXPECT=1 cargo test -p dkron reference");
    }
}
