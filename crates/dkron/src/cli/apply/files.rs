//! Jobs from files: YAML, JSON or one JSON value a line; one or many a file, many files a folder.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::client::usage;
use crate::nearest::nearest;
use crate::rest::normal::{NOT_SAID, said};

const KINDS: [&str; 5] = ["yaml", "yml", "json", "ndjson", "jsonl"];

/// A job as somebody wrote it, and where.
#[derive(Debug)]
pub struct Written {
    pub place: String,
    pub job: Map<String, Value>,
}

/// All jobs of a file, of a folder with all below it, or of standard input (`-`).
pub fn read(from: &str) -> anyhow::Result<Vec<Written>> {
    if from == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
        return parse("standard input", &text, text.trim_start().starts_with(['{', '[']));
    }
    let path = Path::new(from);
    if !path.is_dir() {
        return file(path);
    }
    let mut found = Vec::new();
    folder(path, &mut found)?;
    if found.is_empty() {
        let kinds = KINDS.join(", .");
        return Err(usage(format!("{from} has no job files: they end in .{kinds}")));
    }
    let read = found.iter().map(|path| file(path)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(read.into_iter().flatten().collect())
}

/// In the order of their names, so that a plan is the same each time. Hidden ones are left out.
fn folder(path: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(path).with_context(|| path.display().to_string())?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            folder(&path, found)?;
        } else if KINDS.contains(&kind(&path)) {
            found.push(path);
        }
    }
    Ok(())
}

fn kind(path: &Path) -> &str {
    path.extension().and_then(|kind| kind.to_str()).unwrap_or("")
}

fn file(path: &Path) -> anyhow::Result<Vec<Written>> {
    let place = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| place.clone())?;
    parse(&place, &text, !matches!(kind(path), "yaml" | "yml"))
}

fn parse(place: &str, text: &str, json: bool) -> anyhow::Result<Vec<Written>> {
    let values: Vec<Value> = if json {
        let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        values.collect::<Result<_, _>>().with_context(|| place.to_owned())?
    } else {
        serde_saphyr::from_multiple(text).with_context(|| place.to_owned())?
    };
    let mut jobs = Vec::new();
    for value in values {
        match value {
            Value::Array(items) => {
                for item in items {
                    jobs.push(written(place, item)?);
                }
            }
            // An empty document, such as a comment before the first one.
            Value::Null => {}
            other => jobs.push(written(place, other)?),
        }
    }
    Ok(jobs)
}

fn written(place: &str, value: Value) -> anyhow::Result<Written> {
    let Value::Object(mut job) = value else {
        bail!("{place}: a job is an object with a name, not {value}");
    };
    let known = |key: &String| said().any(|known| known == key) || NOT_SAID.contains(&key.as_str());
    for key in job.keys().filter(|key| !known(key)) {
        let meant = nearest(key, said());
        eprintln!("Warning: {place}: no job has a field \"{key}\", is {meant} meant?");
    }
    job.retain(|key, _| !NOT_SAID.contains(&key.as_str()));
    Ok(Written { place: place.to_owned(), job })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, json: bool) -> Vec<String> {
        let jobs = parse("f", text, json).unwrap();
        jobs.iter().map(|job| job.job["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn one_or_many_in_each_form() {
        assert_eq!(names("name: a\nschedule: '@hourly'\n", false), ["a"]);
        assert_eq!(names("# first\n---\nname: a\n---\nname: b\n", false), ["a", "b"]);
        assert_eq!(names("- name: a\n- name: b\n", false), ["a", "b"]);
        assert_eq!(names(r#"{"name":"a"}"#, true), ["a"]);
        assert_eq!(names(r#"[{"name":"a"},{"name":"b"}]"#, true), ["a", "b"]);
        assert_eq!(names("{\"name\":\"a\"}\n{\"name\":\"b\"}\n", true), ["a", "b"]);
    }

    #[test]
    fn history_is_left_out() {
        let jobs = parse("f", r#"{"name":"a","success_count":3,"next":"x"}"#, true).unwrap();
        assert_eq!(jobs[0].job.keys().collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn what_is_no_job_is_refused_with_its_place() {
        assert!(parse("f.yaml", "3", false).unwrap_err().to_string().starts_with("f.yaml: "));
        assert!(parse("f.json", "{", true).is_err());
    }
}
