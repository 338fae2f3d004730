//! Manners of one file: its head, its length, its lines, and words that must not stay.

use super::Finding;

const FILE_MAX: usize = 500;
const TEST_FILE_MAX: usize = 800;
const LINE_MAX: usize = 100;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "manager", "misc"];
/// The one module that may hold unsafe code: process control.
const UNSAFE_ROOM: &str = "crates/dkron-exec/";
const UNSAFE_MAX: usize = 1;

pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = lines(path, text);
    if path.ends_with(".rs") {
        findings.extend(file(path, text));
    }
    findings
}

fn file(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tests = is_test(path);
    if !tests && !text.starts_with("//!") {
        findings.push(Finding::new(path, "needs a `//!` head: what it is, what it doesn't know"));
    }
    let (count, most) = match tests {
        true => (text.lines().count(), TEST_FILE_MAX),
        false => (body(text).lines().count(), FILE_MAX),
    };
    if count > most {
        findings.push(Finding::new(path, format!("{count} lines, at most {most}: split it")));
    }
    let parts = path.trim_end_matches(".rs").split('/');
    findings.extend(
        parts
            .filter(|part| EMPTY_NAMES.contains(part))
            .map(|part| Finding::new(path, format!("`{part}` says nothing about what is inside"))),
    );
    findings
}

fn lines(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_rust = path.ends_with(".rs");
    for (index, line) in text.lines().enumerate() {
        let mut report = |text: String| {
            findings.push(Finding::new(format!("{path}:{}", index + 1), text));
        };
        if line.ends_with([' ', '\t']) {
            report("blank at the end of the line".into());
        }
        if !is_rust {
            continue;
        }
        let width = line.chars().count();
        if width > LINE_MAX && !line.contains("://") {
            report(format!("{width} letters wide, at most {LINE_MAX}"));
        }
        if line.contains(concat!("FIX", "ME")) || line.contains(concat!("db", "g!(")) {
            report("must not stay: mend it, or make it an issue".into());
        }
        if has_bare_todo(line) {
            report(concat!("needs an issue: TO", "DO(#123)").into());
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::new(path, "does not end with a line break"));
    }
    findings
}

fn has_bare_todo(line: &str) -> bool {
    let Some((before, after)) = line.split_once(concat!("TO", "DO")) else {
        return false;
    };
    let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
        && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let number = after.strip_prefix("(#").and_then(|rest| rest.split_once(')'));
    let has_issue = number.is_some_and(|(n, _)| n.parse::<u32>().is_ok());
    is_word && !has_issue
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name == "tests.rs" || name.ends_with("_fuzz.rs") || path.contains("/tests/")
}

/// The file without its tests: they stand at its end.
fn body(text: &str) -> &str {
    text.split_once("#[cfg(test)]\nmod tests {").map_or(text, |(body, _)| body)
}

/// Whether a file lifts the ban on unsafe code.
pub fn allows_unsafe(text: &str) -> bool {
    let lifts = ["allow(", "expect("].map(|word| format!("{word}{}", concat!("unsafe", "_code")));
    lifts.iter().any(|lift| text.contains(lift))
}

pub fn check_unsafe(files: &[String]) -> Vec<Finding> {
    let elsewhere = files.iter().filter(|path| !path.starts_with(UNSAFE_ROOM));
    let mut findings: Vec<Finding> = elsewhere
        .map(|path| Finding::new(path, format!("unsafe code belongs into {UNSAFE_ROOM}")))
        .collect();
    if files.len() > UNSAFE_MAX {
        let text = format!("{} modules with unsafe code, at most {UNSAFE_MAX}", files.len());
        findings.push(Finding::new(UNSAFE_ROOM, text));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn count(path: &str, text: &str, wanted: usize) {
        let findings = check(path, text);
        assert_eq!(findings.len(), wanted, "{findings:?}");
    }

    #[test]
    fn heads_and_ends_are_there() {
        count("crates/a/src/x.rs", "//! What it is.\n", 0);
        count("crates/a/src/x.rs", "fn f() {}\n", 1);
        count("crates/a/src/x/tests.rs", "fn f() {}\n", 0);
        count("crates/a/src/x.rs", "//! What it is.", 1);
        count("README.md", "text \n", 1);
    }

    #[test]
    fn lengths_are_bounded_and_tests_do_not_count() {
        let long = format!("//! Head.\n{}", "x();\n".repeat(500));
        count("crates/a/src/x.rs", &long, 1);
        let tested = format!("//! Head.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x();\n".repeat(500));
        count("crates/a/src/x.rs", &tested, 0);
        let wide = format!("//! {}\n", "x".repeat(100));
        count("crates/a/src/x.rs", &wide, 1);
        count("crates/a/src/x.rs", &format!("//! https://{}\n", "x".repeat(100)), 0);
    }

    #[test]
    fn words_that_must_not_stay_are_found() {
        for line in [concat!("FIX", "ME: x"), concat!("db", "g!(x)"), concat!("TO", "DO: x")] {
            count("crates/a/src/x.rs", &format!("//! Head.\n// {line}\n"), 1);
        }
        count("crates/a/src/x.rs", concat!("//! Head.\n// TO", "DO(#12): x\n"), 0);
        count("crates/a/src/x.rs", concat!("//! Head.\nTO", "DOS\n"), 0);
        count("crates/a/src/utils.rs", "//! Head.\n", 1);
    }

    #[test]
    fn unsafe_code_has_one_room() {
        let room = || "crates/dkron-exec/src/a.rs".to_owned();
        assert_eq!(check_unsafe(&[room()]).len(), 0);
        assert_eq!(check_unsafe(&[room(), room()]).len(), 1);
        assert_eq!(check_unsafe(&["crates/dkron/src/a.rs".to_owned()]).len(), 1);
        assert!(allows_unsafe(concat!("#![allow(unsafe", "_code)]")));
    }
}
