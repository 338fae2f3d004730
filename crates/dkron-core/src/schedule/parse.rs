//! From a job's words to a schedule: which grammar, which zone, which fields.
//!
//! What Dkron accepts means here what it means there. Beyond that a schedule may have five
//! fields (the second 0 is added in front), ranges that wrap around, 7 for Sunday and the special
//! days `L`, `LW`, `15W`, `5L` and `2#1`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::cron::Cron;
use super::error::ParseError;
use super::every::{Every, parse_duration};
use super::field::{BOUNDS, Values, parse_field};
use super::hash;
use super::source::{Piece, Source};
use super::zone::{Zone, ZoneError};
use super::{Rule, Schedule, at};
use crate::domain::Dst;

/// Longer texts are refused, so that parsing is bounded.
pub const MAX_SCHEDULE_CHARS: usize = 1_024;

const PREFIXES: [&str; 2] = ["CRON_TZ=", "TZ="];
const SECONDS_OF_FIVE: &str = "0";

pub(super) fn has_zone_prefix(text: &str) -> bool {
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

impl Schedule {
    /// Parses the schedule of the job `job_name`.
    ///
    /// `timezone` is the job's own and counts for fields without a zone of their own; it does not
    /// count for `@…`. `local` is the zone that counts otherwise and that `Local` names.
    pub fn parse(
        text: &str,
        job_name: &str,
        timezone: &str,
        local: &Zone,
    ) -> Result<Schedule, ParseError> {
        if text.chars().nth(MAX_SCHEDULE_CHARS).is_some() {
            let message = format!("schedule longer than {MAX_SCHEDULE_CHARS} characters");
            return Err(ParseError::at_column(MAX_SCHEDULE_CHARS + 1, message));
        }
        let written = Source::written(text);
        let hash = hash::name_hash(job_name);
        let replaced = hash::substitute(written.piece(), hash);
        let whole = replaced.piece();
        if let Some(rule) = own_descriptor(whole)? {
            return Ok(Schedule { zone: local.clone(), rule, dst: Dst::Dkron });
        }
        if whole.text.is_empty() {
            return Err(ParseError::at(whole, String::from("empty spec string")));
        }
        let (zone, rest) = match zone_prefix(whole, local)? {
            Some((zone, rest)) => (Some(zone), rest),
            None => (None, whole),
        };
        if rest.text.starts_with('@') {
            let rule = descriptor(rest)?;
            return Ok(Schedule {
                zone: zone.unwrap_or_else(|| local.clone()),
                rule,
                dst: Dst::Dkron,
            });
        }
        let words: Vec<_> = rest.words().collect();
        let cron = if words.len() == 5 {
            let (_, original) = split_prefix(written.piece());
            five_fields(original, hash)?
        } else {
            six_fields(rest, &words)?
        };
        let zone = match zone {
            Some(zone) => zone,
            None if timezone.is_empty() => local.clone(),
            None => resolve(timezone, local).map_err(|message| ParseError::at(whole, message))?,
        };
        Ok(Schedule { zone, rule: Rule::Cron(cron), dst: Dst::Dkron })
    }
}

/// The descriptors that Dkron adds to those of cron; they take no zone prefix.
fn own_descriptor(text: Piece<'_>) -> Result<Option<Rule>, ParseError> {
    const AT: &str = "@at ";
    match text.text {
        "@manually" => Ok(Some(Rule::Manual)),
        "@minutely" => fields("0 * * * * *").map(Some),
        _ if text.text.starts_with(AT) => {
            let date = text.from(AT.len());
            let instant = at::parse_date(date.text).map_err(|error| {
                let message = format!("failed to parse date {}: {}", text.text, error.message);
                ParseError::at(behind(date, error.position), message)
            })?;
            Ok(Some(Rule::At(instant)))
        }
        _ => Ok(None),
    }
}

fn descriptor(text: Piece<'_>) -> Result<Rule, ParseError> {
    const EVERY: &str = "@every ";
    match text.text {
        "@yearly" | "@annually" => fields("0 0 0 1 1 *"),
        "@monthly" => fields("0 0 0 1 * *"),
        "@weekly" => fields("0 0 0 * * 0"),
        "@daily" | "@midnight" => fields("0 0 0 * * *"),
        "@hourly" => fields("0 0 * * * *"),
        _ if text.text.starts_with(EVERY) => {
            let distance = text.from(EVERY.len());
            let nanos = parse_duration(distance.text).map_err(|message| {
                let message = format!("failed to parse duration {}: {message}", text.text);
                ParseError::at(distance, message)
            })?;
            Ok(Rule::Every(Every::from_nanos(nanos)))
        }
        unknown => Err(ParseError::at(text, format!("unrecognized descriptor: {unknown}"))),
    }
}

fn fields(expression: &str) -> Result<Rule, ParseError> {
    let source = Source::written(expression);
    let words: Vec<_> = source.piece().words().collect();
    six_fields(source.piece(), &words).map(Rule::Cron)
}

/// The zone named in front of the schedule and what follows it.
fn zone_prefix<'a>(text: Piece<'a>, local: &Zone) -> Result<Option<(Zone, Piece<'a>)>, ParseError> {
    let (Some(prefix), rest) = split_prefix(text) else {
        return Ok(None);
    };
    if prefix.text.len() == text.text.len() {
        let message = format!("no blank and no schedule after the time zone: {}", text.text);
        return Err(ParseError::at(behind(text, text.text.len()), message));
    }
    let start = prefix.text.find('=').map_or(0, |equals| equals + 1);
    let name = prefix.from(start);
    let zone = resolve(name.text, local).map_err(|message| ParseError::at(name, message))?;
    Ok(Some((zone, rest)))
}

/// Takes a zone prefix off without looking at the name in it. Without one, nothing is trimmed.
fn split_prefix(text: Piece<'_>) -> (Option<Piece<'_>>, Piece<'_>) {
    if !has_zone_prefix(text.text) {
        return (None, text);
    }
    let blank = text.text.find(' ').unwrap_or(text.text.len());
    (Some(text.slice(0, blank)), text.from(blank).trim())
}

fn resolve(name: &str, local: &Zone) -> Result<Zone, String> {
    Zone::resolve(name, local).map_err(|error| match error {
        // Repeating the name would make the answer as long as the question.
        ZoneError::TooLong(_) => format!("provided bad location: {error}"),
        _ => format!("provided bad location {name}: {error}"),
    })
}

fn six_fields(text: Piece<'_>, words: &[Piece<'_>]) -> Result<Cron, ParseError> {
    if words.len() != BOUNDS.len() {
        let listed: Vec<_> = words.iter().map(|word| word.text).collect();
        let message =
            format!("expected exactly 6 fields, found {}: [{}]", words.len(), listed.join(" "));
        // The first word too many, or the place where one is missing.
        let fault = words.get(BOUNDS.len()).copied();
        return Err(ParseError::at(
            fault.unwrap_or_else(|| behind(text, text.text.len())),
            message,
        ));
    }
    let mut values = [Values::default(); 6];
    for ((value, word), bounds) in values.iter_mut().zip(words).zip(&BOUNDS) {
        *value = parse_field(*word, bounds)?;
    }
    Ok(Cron::new(values))
}

/// Minutes first: the seconds are 0, and every `~` counts for the field it stands in.
fn five_fields(written: Piece<'_>, hash: u64) -> Result<Cron, ParseError> {
    let mut replaced = Source::empty();
    replaced.push_str(SECONDS_OF_FIVE, written.column());
    for (index, word) in (1..).zip(written.words()) {
        replaced.push(' ', word.column());
        hash::substitute_field(word, hash, index, &mut replaced);
    }
    let words: Vec<_> = replaced.piece().words().collect();
    six_fields(replaced.piece(), &words)
}

/// The empty piece at byte `position`, or at the last character boundary before it.
fn behind(text: Piece<'_>, position: usize) -> Piece<'_> {
    let start = text.text.floor_char_boundary(position);
    text.slice(start, start)
}
