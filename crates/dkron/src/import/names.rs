//! Names for what had none: the same each time, so that a second import finds the first one's jobs.

use std::collections::BTreeSet;

/// LIMIT: letters of a word that a name keeps; a job's name holds more.
const WORD: usize = 40;

/// Small letters, digits, `-` and `_`; everything else is a dash.
pub fn tame(text: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9' | '_' | '-') => letter,
        _ => '-',
    };
    let name: String = text.chars().take(WORD).map(letter).collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() { "job".to_owned() } else { name }
}

/// Words that run another command.
const BEFORE: [&str; 9] =
    ["sudo", "nice", "ionice", "env", "exec", "nohup", "time", "chronic", "setsid"];

/// The program of a command line: what a person would call it.
pub fn program(command: &str) -> String {
    // A change of folder comes first in many of them.
    let rest = match command.split_once("&&") {
        Some((first, rest)) if first.trim_start().starts_with("cd ") => rest,
        _ => command,
    };
    let is_setting = |word: &str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| !name.is_empty() && !name.contains('/'))
    };
    let skipped = |word: &&str| {
        BEFORE.contains(word) || word.starts_with('-') || is_setting(word) || *word == "["
    };
    let word = rest.split_whitespace().find(|word| !skipped(word)).unwrap_or("job");
    let last = word.trim_matches(['"', '\'', '(', ';']).rsplit('/').next().unwrap_or(word);
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    tame(stem)
}

/// Four letters that depend on the text alone (FNV-1a).
pub fn mark(text: &str) -> String {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = text.bytes().fold(0x811c_9dc5, step);
    format!("{:04x}", (hash >> 16) ^ (hash & 0xffff))
}

/// Where the same name comes again it gets a number, in the order of the text.
#[derive(Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    pub fn own(&mut self, name: String) -> String {
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut all = std::iter::once(name.clone()).chain(numbered);
        let free = all.find(|name| !self.0.contains(name)).unwrap_or(name);
        self.0.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs() {
        for (command, wanted) in [
            ("/usr/local/bin/backup.sh --all", "backup"),
            ("cd /srv && ./run.py", "run"),
            ("FOO=bar nice -n 10 /bin/Report_Daily", "10"),
            ("[ -x /usr/bin/x ] && x", "x"),
            ("sudo certbot renew", "certbot"),
            ("", "job"),
            ("$HOME/bin/x", "x"),
        ] {
            assert_eq!(program(command), wanted, "{command}");
        }
    }

    #[test]
    fn names_are_the_same_each_time_and_never_twice() {
        assert_eq!(mark("a"), mark("a"));
        assert_ne!(mark("a"), mark("b"));
        let mut names = Names::default();
        let got: Vec<String> = (0..3).map(|_| names.own("a".to_owned())).collect();
        assert_eq!(got, ["a", "a-2", "a-3"]);
        assert_eq!(tame("Weekly Report!"), "weekly-report");
        assert_eq!(tame("///"), "job");
    }
}
