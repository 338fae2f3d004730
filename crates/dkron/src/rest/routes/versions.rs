//! Versions of a job: what there was, what differs, and the way back.

use axum::http::StatusCode;
use dkron_core::domain::{JobName, Status, Submission, Verb, Version};
use dkron_node::service::{Asked, Demand, Error, JobVersions, JobView, VersionView, Versions};
use serde_json::{Map, Value};

use super::patch::FIGURES;
use super::{counted, put};
use crate::rest::dto::{ChangeDto, DiffDto, JobDto, VersionDto};
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, demand, json};
use crate::words::shown;

/// How often a way back is tried anew because the job has changed meanwhile.
const TRIES: usize = 64;

/// Newest first.
pub async fn list(call: &Call<'_>, name: JobName) -> Answer {
    match call.app.service.versions(name).await {
        Ok(found) => {
            let all = &found.versions;
            let before = all.iter().map(Some).rev().skip(1).chain([None]);
            let shown = all.iter().rev().zip(before).map(|(view, before)| {
                let changed = before.map(|before| changes(&found, before, view));
                let fields = changed.into_iter().flatten().map(|change| change.path);
                VersionDto::new(&found, view, fields.collect())
            });
            let shown: Vec<_> = shown.collect();
            counted(call.ok(&shown), all.len())
        }
        Err(err) => respond::error(&err),
    }
}

pub async fn show(call: &Call<'_>, name: JobName, version: &str) -> Answer {
    match find(call, name, version).await {
        Ok((found, version)) => {
            let Some(view) = found.versions.iter().find(|view| view.version == version) else {
                return missing(&found, version);
            };
            let mut answer = call.ok(&JobDto::from(&job(&found, view)));
            demand::tag(&mut answer, version);
            answer
        }
        Err(refusal) => *refusal,
    }
}

/// To the version that `to` names, or to the last one.
pub async fn diff(call: &Call<'_>, name: JobName, version: &str) -> Answer {
    let (found, old) = match find(call, name, version).await {
        Ok(found) => found,
        Err(refusal) => return *refusal,
    };
    let last = found.versions.last().map_or(old, |last| last.version);
    let new = match call.query.get("to").filter(|text| !text.is_empty()) {
        None => last,
        Some(text) => match number(text) {
            Ok(version) => version,
            Err(said) => return respond::text(StatusCode::BAD_REQUEST, format!("to: {said}")),
        },
    };
    let of = |version| found.versions.iter().find(|view| view.version == version);
    match (of(old), of(new)) {
        (Some(one), Some(other)) => {
            let changes = changes(&found, one, other);
            call.ok(&DiffDto { from: old.0, to: new.0, changes })
        }
        (None, _) => missing(&found, old),
        (_, None) => missing(&found, new),
    }
}

/// Makes a new version with an old definition.
pub async fn rollback(call: &Call<'_>, name: JobName, version: &str) -> Answer {
    for _ in 0..TRIES {
        let (found, version) = match find(call, name.clone(), version).await {
            Ok(found) => found,
            Err(refusal) => return *refusal,
        };
        if found.gone.is_some() {
            let said = "the job was deleted: POST /v1/jobs/<name>/undelete brings it back";
            return respond::text(StatusCode::NOT_FOUND, said);
        }
        let Some(view) = found.versions.iter().find(|view| view.version == version) else {
            return missing(&found, version);
        };
        let present = found.versions.last().map(|last| (found.job_no, last.version));
        let demand = Demand { from: present, ..call.asked.demand.clone() };
        match store(call, view, Verb::Rollback, demand).await {
            Err(Error::Unmet(present)) if call.asked.demand.allows(present) => {}
            Ok(view) => return put::stored(call, StatusCode::OK, &view, None),
            Err(err) => return respond::error(&err),
        }
    }
    respond::error(&Error::Busy)
}

/// Brings the last definition of a deleted job back.
pub async fn undelete(call: &Call<'_>, name: JobName) -> Answer {
    let found = match call.app.service.versions(name.clone()).await {
        Ok(found) => found,
        Err(Error::JobNotFound) => {
            let said = "no job of that name was deleted within the last 7 days";
            return respond::text(StatusCode::NOT_FOUND, said);
        }
        Err(err) => return respond::error(&err),
    };
    let Some(last) = found.versions.last() else { return respond::error(&Error::JobNotFound) };
    // It is asked for even if the job is there: under its key it may have been done before.
    let demand = Demand { none_of: Some(Versions::Any), ..Demand::default() };
    match store(call, last, Verb::Undelete, demand).await {
        Ok(view) => put::stored(call, StatusCode::CREATED, &view, None),
        Err(Error::Unmet(_)) => {
            let said = format!("job `{name}` is there, nothing is to be brought back");
            respond::text(StatusCode::CONFLICT, said)
        }
        Err(err) => respond::error(&err),
    }
}

async fn store(
    call: &Call<'_>,
    view: &VersionView,
    verb: Verb,
    demand: Demand,
) -> Result<JobView, Error> {
    let asked = Asked { demand, verb: Some(verb), ..call.asked.clone() };
    let submission = Submission { job: (*view.job).clone(), ..Submission::default() };
    call.app.service.asked(asked).put_job(submission).await
}

/// The versions, and the number that is meant.
async fn find(
    call: &Call<'_>,
    name: JobName,
    version: &str,
) -> Result<(JobVersions, Version), Box<Answer>> {
    let version =
        number(version).map_err(|said| Box::new(respond::text(StatusCode::BAD_REQUEST, said)))?;
    let found = call.app.service.versions(name).await;
    found.map(|found| (found, version)).map_err(|err| Box::new(respond::error(&err)))
}

fn number(text: &str) -> Result<Version, String> {
    let digits = text.strip_prefix('v').unwrap_or(text);
    let number = digits.parse().map_err(|_| {
        format!("{} is no version, use the number that the list of versions shows", shown(text))
    })?;
    Ok(Version(number))
}

fn missing(found: &JobVersions, version: Version) -> Answer {
    let first = found.versions.first().map_or(0, |first| first.version.0);
    let last = found.versions.last().map_or(0, |last| last.version.0);
    let said = format!("version {version} is not kept, {first} to {last} are");
    respond::text(StatusCode::NOT_FOUND, said)
}

/// A version as a job is shown, without what happened to it.
fn job(found: &JobVersions, view: &VersionView) -> JobView {
    JobView {
        job_no: found.job_no,
        version: view.version,
        job: view.job.clone(),
        success_count: 0,
        error_count: 0,
        last_success: None,
        last_error: None,
        status: Status::Untriggered,
        running: 0,
        next: None,
        dependents: Vec::new(),
    }
}

fn changes(found: &JobVersions, old: &VersionView, new: &VersionView) -> Vec<ChangeDto> {
    let fields = |view: &VersionView| -> Map<String, Value> {
        let shown = json::encode(&JobDto::from(&job(found, view)), false);
        let mut fields: Map<String, Value> = serde_json::from_slice(&shown).unwrap_or_default();
        fields.retain(|key, _| !FIGURES.contains(&key.as_str()));
        fields
    };
    let mut changes = Vec::new();
    compare("", &Value::Object(fields(old)), &Value::Object(fields(new)), &mut changes);
    changes
}

/// Field by field; an object that is on one side only is compared with none.
fn compare(path: &str, old: &Value, new: &Value, into: &mut Vec<ChangeDto>) {
    let (one, other) = (old.as_object(), new.as_object());
    let objects = one.is_some() || other.is_some();
    if !objects || (one.is_none() && !old.is_null()) || (other.is_none() && !new.is_null()) {
        if old != new {
            let (path, old, new) = (path.to_owned(), old.clone(), new.clone());
            into.push(ChangeDto { path, old, new });
        }
        return;
    }
    let empty = Map::new();
    let (one, other) = (one.unwrap_or(&empty), other.unwrap_or(&empty));
    let more = other.keys().filter(|key| !one.contains_key(*key));
    for key in one.keys().chain(more) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
        compare(&path, &of(one), &of(other), into);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_field_by_field() {
        let old = json!({"a": 1, "t": {"x": "1", "y": "2"}, "m": null, "l": [1], "same": {"z": 1}});
        let new = json!({"a": 2, "t": {"y": "3"}, "m": {"k": "v"}, "l": [2], "same": {"z": 1}});
        let mut changes = Vec::new();
        compare("", &old, &new, &mut changes);
        let shown: Vec<String> =
            changes.iter().map(|it| format!("{} {} {}", it.path, it.old, it.new)).collect();
        let wanted = ["a 1 2", "l [1] [2]", "m.k null \"v\"", "t.x \"1\" null", "t.y \"2\" \"3\""];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn numbers_of_versions() {
        assert_eq!(number("3"), Ok(Version(3)));
        assert_eq!(number("v3"), Ok(Version(3)));
        assert!(number("x").unwrap_err().contains("\"x\" is no version"));
    }
}
