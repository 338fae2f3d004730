//! A job is changed by a merge patch (RFC 7386) of the form in which it is shown. What comes out is
//! judged as a posted job is, and stored only if the job is still the one that was patched.

use std::time::Instant;

use axum::extract::Request;
use axum::http::StatusCode;
use dkron_core::domain::{JobName, Submission, Verb};
use dkron_node::service::{Asked, Demand, Error, JobView};
use serde_json::{Map, Value};

use super::put::{self, admit};
use crate::metrics;
use crate::rest::decode::{self, Draft, fold};
use crate::rest::dto::JobDto;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, json};

/// How often a patch is made anew because the job has changed meanwhile.
const TRIES: usize = 64;
/// What a job shows beside its definition: a patch may say it, but what is shown is not said again.
pub const FIGURES: [&str; 10] = [
    "id",
    "success_count",
    "error_count",
    "last_success",
    "last_error",
    "status",
    "next",
    "running",
    "version",
    "dependent_jobs",
];
/// Fields whose own keys are known in any case, as those of a job are.
const OBJECTS: [&str; 4] = ["retry", "retries", "retention", "misfire"];

type Fields = Map<String, Value>;

pub async fn patch(call: &Call<'_>, path_name: Option<JobName>, request: Request) -> Answer {
    let (name, patch) = match accept(path_name, request).await {
        Ok(accepted) => accepted,
        Err(refusal) => return put::refuse(call.app, refusal).await,
    };
    match store(call, &name, &patch).await {
        Ok((view, submission)) => {
            let warning = put::unknown_names(call.app, &submission);
            put::stored(call, StatusCode::OK, &view, warning)
        }
        Err(refusal) => refusal,
    }
}

async fn accept(path_name: Option<JobName>, request: Request) -> Result<(JobName, Fields), Answer> {
    let body = put::body(request).await?;
    let wrong = |said: String| respond::text(StatusCode::BAD_REQUEST, said);
    let patch = match serde_json::from_slice(&body) {
        Ok(Value::Object(fields)) => folded(fields),
        Ok(_) => return Err(wrong("a merge patch of a job is a JSON object".to_owned())),
        Err(err) => return Err(wrong(format!("Unable to parse payload: {err}."))),
    };
    let said = patch.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    match (path_name, said) {
        (Some(wanted), Some(said)) if wanted.as_str() != said => {
            Err(wrong(put::other_name(said, wanted.as_str())))
        }
        (Some(wanted), _) => Ok((wanted, patch)),
        (None, Some(said)) => Ok((JobName::from(said), patch)),
        (None, None) => {
            let said = "name: a merge patch to this address says which job is meant, or is sent to \
                        /v1/jobs/<name>";
            Err(wrong(said.to_owned()))
        }
    }
}

async fn store(
    call: &Call<'_>,
    name: &JobName,
    patch: &Fields,
) -> Result<(JobView, Submission), Answer> {
    let refused = |err: Error| respond::error(&err);
    let wanted = &call.asked.demand;
    for _ in 0..TRIES {
        let view = call.app.service.job(name.clone()).await.map_err(refused)?;
        let admitted = match merged(&view, patch) {
            Ok(draft) => admit(draft).map_err(|err| respond::error(&err)),
            Err(err) => Err(respond::unparsable(&err)),
        };
        let submission = match admitted {
            Ok(submission) => submission,
            Err(refusal) => return Err(put::refuse(call.app, refusal).await),
        };
        let demand = Demand { from: Some((view.job_no, view.version)), ..wanted.clone() };
        let asked = Asked { demand, verb: Some(Verb::Patch), ..call.asked.clone() };
        let service = call.app.service.asked(asked);
        let asked = Instant::now();
        let result = service.put_job(submission.clone()).await;
        metrics::timed(metrics::names::SET_JOB, asked);
        match result {
            Ok(view) => return Ok((view, submission)),
            // Somebody else was faster: it is theirs that is patched now.
            Err(Error::Unmet(present)) if wanted.allows(present) => {}
            Err(err) => return Err(refused(err)),
        }
    }
    Err(refused(Error::Busy))
}

/// The job as it is, with the patch over it.
fn merged(view: &JobView, patch: &Fields) -> Result<Draft, decode::Error> {
    let shown = json::encode(&JobDto::from(view), false);
    let mut job: Fields = serde_json::from_slice(&shown).expect("a job is shown as an object");
    job.retain(|key, _| !FIGURES.contains(&key.as_str()));
    let says_max = |key: &str| patch.get(key).is_some_and(|value| !value["max"].is_null());
    if says_max("retry") && !patch.contains_key("retries") {
        // The same number in another place.
        job.remove("retries");
    }
    merge(&mut job, patch);
    job.insert("name".to_owned(), Value::from(view.job.name.as_str()));
    decode::job(&json::encode(&job, false))
}

/// RFC 7386: null takes a field away, objects go into each other, everything else takes the place
/// of what was there.
fn merge(target: &mut Fields, patch: &Fields) {
    for (key, value) in patch {
        match value {
            Value::Null => drop(target.remove(key)),
            Value::Object(inner) => {
                let slot = target.entry(key.as_str()).or_insert(Value::Null);
                let mut fields = match slot.take() {
                    Value::Object(fields) => fields,
                    _ => Fields::new(),
                };
                merge(&mut fields, inner);
                *slot = Value::Object(fields);
            }
            value => drop(target.insert(key.clone(), value.clone())),
        }
    }
}

/// Keys as the decoder knows them; an object of retries stands under one name.
fn folded(patch: Fields) -> Fields {
    let mut all = Fields::new();
    for (key, value) in patch {
        let (mut key, mut value) = (fold(&key), value);
        if OBJECTS.contains(&key.as_str())
            && let Value::Object(fields) = value
        {
            if key == "retries" {
                key = "retry".to_owned();
            }
            value = fields.into_iter().map(|(key, value)| (fold(&key), value)).collect();
        }
        all.insert(key, value);
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(fields) => fields,
            other => panic!("{other} is no object"),
        }
    }

    /// The table of the RFC, as far as its targets are objects.
    #[test]
    fn the_examples_of_the_rfc() {
        for (target, patch, wanted) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!({"a":"foo"}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut target = fields(target);
            merge(&mut target, &fields(patch.clone()));
            assert_eq!(Value::Object(target), wanted, "{patch}");
        }
    }

    #[test]
    fn keys_are_known_in_any_case() {
        let patch = json!({"Owner":"a","TAGS":{"Role":"x"},"Retries":{"Max":3},"Misfire":"skip"});
        let wanted = json!({"owner":"a","tags":{"Role":"x"},"retry":{"max":3},"misfire":"skip"});
        assert_eq!(Value::Object(folded(fields(patch))), wanted);
    }
}
