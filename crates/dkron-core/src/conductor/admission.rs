//! What a definition must be like to be stored. The texts are Dkron's where Dkron has one;
//! the first check that fails speaks.

use alloc::format;
use alloc::string::{String, ToString};

use super::wishes;
use crate::domain::{Job, go_duration, limits, mem_limit};
use crate::schedule::{Schedule, Zone};

/// Checks a definition. The schedule is there unless the job is a child without one.
pub fn check(job: &Job, local: &Zone) -> Result<Option<Schedule>, String> {
    name(job.name.as_str())?;
    if job.parent_job.as_ref() == Some(&job.name) {
        return Err("the job can not have itself as parent".into());
    }
    if !job.schedule.is_empty() || job.parent_job.is_none() {
        let parsed = Schedule::parse(&job.schedule, job.name.as_str(), "", local);
        parsed.map_err(|err| format!("can't parse job schedule: {err}"))?;
    }
    Zone::resolve(&job.timezone, local).map_err(|err| err.to_string())?;
    executor_config(job)?;
    wishes::check(job.policy())?;
    size(job)?;
    Ok(schedule_of(job, local))
}

/// The schedule of a job that was admitted; none for a child.
pub(super) fn schedule_of(job: &Job, local: &Zone) -> Option<Schedule> {
    if job.parent_job.is_some() {
        return None;
    }
    let parsed = Schedule::parse(&job.schedule, job.name.as_str(), &job.timezone, local);
    parsed.ok().map(|schedule| schedule.with_dst(job.policy().dst))
}

/// Lower-case letters of any script, ASCII digits, `_` and `-`.
fn name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("name cannot be empty".into());
    }
    if let Some(bad) = name.chars().find(|letter| !is_name_letter(*letter)) {
        return Err(format!("name contains illegal character '{bad}'"));
    }
    if name.len() > limits::JOB_NAME_BYTES {
        let most = limits::JOB_NAME_BYTES;
        return Err(format!("name is too long: {} bytes, at most {most}", name.len()));
    }
    Ok(())
}

/// Unicode category Ll: Rust's `is_lowercase` also takes letters that only behave like it.
fn is_name_letter(letter: char) -> bool {
    match letter {
        'a'..='z' | '0'..='9' | '_' | '-' => true,
        '\0'..='\u{7f}' => false,
        _ => letter.is_lowercase() && !is_other_lowercase(letter),
    }
}

/// Property `Other_Lowercase`: modifier letters, small Roman numerals and circled letters.
fn is_other_lowercase(letter: char) -> bool {
    matches!(letter,
        'ª' | 'º' | '\u{2b0}'..='\u{2b8}' | '\u{2c0}' | '\u{2c1}' | '\u{2e0}'..='\u{2e4}'
        | '\u{345}' | '\u{37a}' | '\u{10fc}' | '\u{1d2c}'..='\u{1d6a}' | '\u{1d78}'
        | '\u{1d9b}'..='\u{1dbf}' | '\u{2071}' | '\u{207f}' | '\u{2090}'..='\u{209c}'
        | '\u{2170}'..='\u{217f}' | '\u{24d0}'..='\u{24e9}' | '\u{2c7c}' | '\u{2c7d}'
        | '\u{a69c}' | '\u{a69d}' | '\u{a770}' | '\u{a7f1}'..='\u{a7f4}' | '\u{a7f8}'
        | '\u{a7f9}' | '\u{ab5c}'..='\u{ab5f}' | '\u{ab69}' | '\u{10780}'
        | '\u{10783}'..='\u{10785}' | '\u{10787}'..='\u{107b0}' | '\u{107b2}'..='\u{107ba}'
        | '\u{1e030}'..='\u{1e06d}')
}

/// The two keys that Dkron checks before it stores; the rest fails the run with a clear text.
fn executor_config(job: &Job) -> Result<(), String> {
    if job.executor != "shell" {
        return Ok(());
    }
    let given = |key: &str| job.executor_config.get(key).filter(|text| !text.is_empty());
    if let Some(timeout) = given("timeout") {
        go_duration::parse(timeout).map_err(|_| String::from("Error parsing job timeout value"))?;
    }
    if let Some(limit) = given("mem_limit") {
        mem_limit::parse(limit)
            .map_err(|reason| format!("Error parsing job memory limit value: {reason}"))?;
    }
    Ok(())
}

fn size(job: &Job) -> Result<(), String> {
    if job.retries > limits::RETRIES {
        return Err(format!("retries is too large: at most {}", limits::RETRIES));
    }
    let pairs = |map: &crate::domain::TextMap| -> usize {
        map.iter().map(|(key, value)| key.len() + value.len()).sum()
    };
    let processors = job.processors.iter().map(|(name, map)| name.len() + pairs(map));
    let texts = [&job.displayname, &job.owner, &job.owner_email, &job.executor];
    let bytes = texts.iter().map(|text| text.len()).sum::<usize>()
        + pairs(&job.tags)
        + pairs(&job.metadata)
        + pairs(&job.executor_config)
        + processors.sum::<usize>();
    if bytes > limits::DEFINITION_BYTES {
        let most = limits::DEFINITION_BYTES;
        return Err(format!("the definition is too large: {bytes} bytes, at most {most}"));
    }
    Ok(())
}
