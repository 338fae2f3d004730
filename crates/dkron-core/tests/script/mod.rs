//! Reads script files, runs them against a machine, and compares or rewrites what it answered.
//! It knows nothing of what the machines do.

pub mod conductor;
mod figures;
pub mod job;
pub mod ledger;
mod line;
mod names;
mod policy;
mod show;
mod time;
pub mod worker;

use std::path::{Path, PathBuf};

pub use line::Line;
pub use names::Names;
pub use time::{parse_span, parse_time, show_time};

/// Something that takes lines and answers with lines.
pub trait Machine {
    fn take(&mut self, line: Line) -> Vec<String>;
}

/// Runs every file of a folder of scripts, each with a machine of its own.
pub fn run_folder<M: Machine>(folder: &str, new: fn() -> M) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no scripts in {folder}");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let now = replay(&text, &mut new(), &file);
        if now == text {
            continue;
        }
        if update {
            std::fs::write(&file, now).unwrap();
        } else {
            wrong.push(difference(&file, &text, &now));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_EXPECT=1 rewrites them", wrong.join("\n"));
}

/// The script as it would be if all its expectations were right.
fn replay(text: &str, machine: &mut dyn Machine, file: &Path) -> String {
    let mut out = String::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{}:{}", file.display(), at + 1);
        let mut answer = machine.take(Line::new(line, &place));
        while let Some((at, line)) = lines.next_if(|(_, line)| !line.is_empty()) {
            out.push_str(line);
            out.push('\n');
            if line == "----" {
                break;
            }
            if !line.starts_with('#') {
                let place = format!("{}:{}", file.display(), at + 1);
                answer.extend(machine.take(Line::new(line, &place)));
            }
        }
        if !out.ends_with("----\n") {
            out.push_str("----\n");
        }
        while lines.next_if(|(_, line)| !line.is_empty()).is_some() {}
        for line in answer {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

fn difference(file: &Path, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let from = same.saturating_sub(6);
    let part = |lines: &[&str], mark: &str| -> String {
        let shown = lines.iter().skip(same).take(12);
        shown.map(|line| format!("{mark} {line}\n")).collect()
    };
    let before: String = old[from..same].iter().map(|line| format!("  {line}\n")).collect();
    let (wanted, got) = (part(&old, "-"), part(&new, "+"));
    format!("{}:{}\n{before}{wanted}{got}", file.display(), same + 1)
}
