//! Examples of a page, run as a reader would: lines behind `$ `, and below them what is printed.
//!
//! `[..]` stands for anything within a line, a line `...` for any lines. A command goes on in
//! lines that begin with `> `. One that ends with another code than 0 has it behind it: `? 3`.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// One command and what a page says about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    pub line: usize,
    pub command: String,
    pub output: Vec<String>,
    pub code: i32,
}

/// All examples in blocks of `console`.
pub fn examples(page: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    let mut goes_on = false;
    for (at, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
            goes_on = false;
            continue;
        }
        if !inside {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            let (command, output) = (command.to_owned(), Vec::new());
            found.push(Example { line: at + 1, command, output, code: 0 });
            goes_on = true;
            continue;
        }
        let Some(last) = found.last_mut() else { continue };
        match line.strip_prefix('>').filter(|_| goes_on) {
            Some(more) => {
                last.command.push('\n');
                last.command.push_str(more.strip_prefix(' ').unwrap_or(more));
            }
            None => {
                goes_on = false;
                match line.strip_prefix("? ").and_then(|code| code.parse().ok()) {
                    Some(code) => last.code = code,
                    None => last.output.push(line.to_owned()),
                }
            }
        }
    }
    found
}

/// Runs an example; the error shows both outputs.
pub fn check(example: &Example, prepare: impl Fn(&mut Command)) -> anyhow::Result<()> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("exec 2>&1\n{}", example.command)).stdin(Stdio::null());
    prepare(&mut command);
    let output = command.output().context("starting a shell")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code().unwrap_or(-1);
    let wanted = example.output.join("\n");
    let Example { line, command, .. } = example;
    ensure!(
        code == example.code && fits(&example.output, &printed.lines().collect::<Vec<_>>()),
        "line {line}: $ {command}\nended with {code}, wanted {}\n-- wanted:\n{wanted}\n\
         -- printed:\n{printed}",
        example.code
    );
    Ok(())
}

fn fits(wanted: &[String], printed: &[&str]) -> bool {
    match (wanted.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "..." => {
            (0..=printed.len()).any(|skip| fits(rest, &printed[skip..]))
        }
        (Some((first, rest)), Some((line, more))) => {
            line_fits(first, line.trim_end()) && fits(rest, more)
        }
        _ => false,
    }
}

fn line_fits(wanted: &str, line: &str) -> bool {
    let Some((head, tail)) = wanted.split_once("[..]") else { return wanted == line };
    let Some(rest) = line.strip_prefix(head) else { return false };
    let ends = (0..=rest.len()).filter(|at| rest.is_char_boundary(*at));
    ends.into_iter().any(|at| line_fits(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_found() {
        let page =
            "x\n```console\n$ cat <<END\n> a\n>\n> b\n> END\na\n> c\n$ false\n? 1\n```\n$ no\n";
        let found = examples(page);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].command, "cat <<END\na\n\nb\nEND");
        assert_eq!(found[0].output, ["a", "> c"]);
        assert_eq!((found[1].line, found[1].code), (10, 1));
    }

    #[test]
    fn outputs_are_compared_with_holes() {
        let fit = |wanted: &str, printed: &str| {
            let wanted: Vec<String> = wanted.lines().map(str::to_owned).collect();
            fits(&wanted, &printed.lines().collect::<Vec<_>>())
        };
        assert!(fit("a [..] c\n...\nz", "a b c\nx\ny\nz"));
        assert!(fit("a[..]", "a"));
        assert!(fit("...", ""));
        assert!(fit("[..]b[..]d", "abbcd"));
        assert!(!fit("a", "b") && !fit("a", "a\nb") && !fit("a\nb", "a"));
    }

    #[test]
    fn a_command_is_run_and_judged() {
        let page = "```console\n$ echo a; echo b >&2; exit 3\na\nb\n? 3\n```";
        check(&examples(page)[0], |_| {}).unwrap();
        let wrong = "```console\n$ echo a\nb\n```";
        assert!(check(&examples(wrong)[0], |_| {}).is_err());
    }
}
