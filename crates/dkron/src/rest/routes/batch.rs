//! One wish for many jobs, named one by one or chosen by what they are like.

use axum::extract::Request;
use axum::http::StatusCode;
use dkron_core::domain::JobName;
use dkron_node::service::{Asked, Error, JobSort, ListQuery, Service};
use serde_json::{Map, Value};

use super::counted;
use super::put::admit;
use crate::rest::batch::{Item, JOBS, VERBS, Verb};
use crate::rest::decode;
use crate::rest::dto::BatchDto;
use crate::rest::query::{self, Query};
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, body};
use crate::words::{choice, shown};

/// LIMIT: room for as many names as a batch may have jobs.
const BODY_BYTES: usize = 16 * 1024 * 1024;
/// Jobs asked for at a time, while they are chosen.
const PAGE: usize = 5_000;
/// Results shown unless a page is asked for.
const SHOWN: usize = 1_000;
const FORM: &str = "the body wants JSON such as {\"action\": \"disable\", \"selector\": \
                    {\"prefix\": \"db-\"}} or {\"action\": \"run\", \"names\": [\"a\", \"b\"]}";
const WHICH: &str = "selector: it wants some of \"q\", \"prefix\", \"metadata\", \"status\" and \
                     \"disabled\", or \"all\": true for all jobs";

/// What is wanted of which jobs.
#[derive(Debug)]
struct Wanted {
    verb: Verb,
    jobs: Jobs,
}

#[derive(Debug)]
enum Jobs {
    /// Names, or whole definitions.
    Listed(Vec<Item>),
    Chosen(Box<ListQuery>),
}

/// 202 as soon as it is known which jobs are meant.
pub async fn begin(call: &Call<'_>, request: Request) -> Answer {
    let too_large = "the body is larger than 16 MiB, choose jobs with a selector";
    let bytes = match body::read(request.into_body(), BODY_BYTES, too_large).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let Wanted { verb, jobs } = match wanted(&bytes) {
        Ok(wanted) => wanted,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    let names = match jobs {
        Jobs::Listed(items) => items,
        Jobs::Chosen(list) => match names_of(&call.app.service, *list).await {
            Ok(names) => names,
            Err(err) => return respond::error(&err),
        },
    };
    if names.len() > JOBS {
        let said = format!("{} jobs are too many for one batch, at most {JOBS}", names.len());
        return respond::text(StatusCode::BAD_REQUEST, said);
    }
    // Each job's write is one of its own: under the key of the request it would be the first again.
    let mut origin = call.asked.origin.clone();
    if let Some(origin) = &mut origin {
        origin.key = None;
    }
    let service = call.app.service.asked(Asked { origin, ..Asked::default() });
    match call.app.batches.begin(&call.app.node, verb, names, service) {
        Ok(batch) => call.json(StatusCode::ACCEPTED, &BatchDto::head(&batch)),
        Err(err) => respond::error(&err),
    }
}

pub async fn list(call: &Call<'_>) -> Answer {
    let batches = call.app.batches.all();
    let shown: Vec<BatchDto> = batches.iter().map(|batch| BatchDto::head(batch)).collect();
    counted(call.ok(&shown), shown.len())
}

pub async fn show(call: &Call<'_>, id: &str) -> Answer {
    let Some(batch) = call.app.batches.get(id) else { return unknown(id) };
    let (start, end) = query::page(&call.query);
    let end = end.or_else(|| start.checked_add(SHOWN));
    let finished = batch.progress().outcomes.len();
    counted(call.ok(&BatchDto::page(&batch, (start, end))), finished)
}

/// What is on its way comes to its end; nothing more is begun.
pub async fn cancel(call: &Call<'_>, id: &str) -> Answer {
    let Some(batch) = call.app.batches.get(id) else { return unknown(id) };
    batch.cancel();
    call.json(StatusCode::ACCEPTED, &BatchDto::head(&batch))
}

fn unknown(id: &str) -> Answer {
    let said = format!(
        "no batch of the id {} is kept here: it is known to the server that carried it out, while \
         that runs, and ends when that leads no more",
        shown(id)
    );
    respond::text(StatusCode::NOT_FOUND, said)
}

/// All that a selector means, by name, before anything becomes of them.
async fn names_of(service: &Service, list: ListQuery) -> Result<Vec<Item>, Error> {
    let mut names = Vec::new();
    loop {
        let (start, end) = (names.len(), Some(names.len() + PAGE));
        let page = ListQuery { start, end, sort: JobSort::Name, ..list.clone() };
        let jobs = service.list_jobs(page).await?.jobs;
        let whole = jobs.len() == PAGE;
        names.extend(jobs.into_iter().map(|view| Item::Name(view.job.name.clone())));
        if !whole || names.len() > JOBS {
            return Ok(names);
        }
    }
}

fn wanted(bytes: &[u8]) -> Result<Wanted, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|err| format!("{FORM}: {err}"))?;
    let Value::Object(fields) = value else { return Err(FORM.to_owned()) };
    let (mut verb, mut jobs, mut wholes) = (None, None, false);
    for (key, value) in fields {
        let said = match (key.as_str(), value) {
            ("action", Value::String(text)) => {
                let found = choice(&text, VERBS).map_err(|said| format!("action: {said}"))?;
                verb = Some(found);
                continue;
            }
            ("names", Value::Array(names)) => Jobs::Listed(named(names)?),
            ("jobs", Value::Array(jobs)) => {
                wholes = true;
                Jobs::Listed(defined(jobs)?)
            }
            ("selector", Value::Object(fields)) => Jobs::Chosen(Box::new(chosen(fields)?)),
            ("action", _) => return Err("action: it wants a text".to_owned()),
            ("names", _) => return Err("names: it wants a list of names".to_owned()),
            ("jobs", _) => return Err("jobs: it wants a list of jobs".to_owned()),
            ("selector", _) => return Err(WHICH.to_owned()),
            (other, _) => return Err(format!("a batch has no {}: {FORM}", shown(other))),
        };
        if jobs.replace(said).is_some() {
            return Err("names: name either names or a selector, not both".to_owned());
        }
    }
    match (verb, jobs) {
        (Some(verb), Some(_)) if (verb == Verb::Apply) != wholes => {
            Err("jobs: definitions go with the action \"apply\", and only with it".to_owned())
        }
        (Some(verb), Some(jobs)) => Ok(Wanted { verb, jobs }),
        (None, _) => Err(format!("action is missing: {FORM}")),
        (_, None) => Err(format!("selector is missing: {FORM}")),
    }
}

/// Whole jobs, as `POST /v1/jobs` takes them.
fn defined(jobs: Vec<Value>) -> Result<Vec<Item>, String> {
    let job = |(no, job): (usize, Value)| {
        let draft = decode::job(job.to_string().as_bytes()).map_err(|err| err.to_string());
        let job = draft.and_then(|draft| admit(draft).map_err(|err| err.to_string()));
        let job = job.map_err(|said| format!("jobs: number {}: {said}", no + 1))?;
        Ok(Item::Job(Box::new(job)))
    };
    jobs.into_iter().enumerate().map(job).collect()
}

fn named(names: Vec<Value>) -> Result<Vec<Item>, String> {
    let name = |name: Value| match name {
        Value::String(name) if !name.is_empty() => Ok(Item::Name(JobName::from(name))),
        _ => Err("names: it wants a list of names".to_owned()),
    };
    names.into_iter().map(name).collect()
}

fn chosen(fields: Map<String, Value>) -> Result<ListQuery, String> {
    let (mut list, mut is_said) = (ListQuery::default(), false);
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("all", Value::Bool(true)) => {}
            ("q", Value::String(text)) => list.text = text,
            ("prefix", Value::String(prefix)) => list.prefix = prefix,
            ("disabled", Value::Bool(disabled)) => list.disabled = Some(disabled),
            ("status", Value::String(status)) => list.status = of_status(&status)?,
            ("metadata", Value::Object(pairs)) => {
                for (key, value) in pairs {
                    let Value::String(value) = value else {
                        return Err(format!("selector.metadata: {} wants a text", shown(&key)));
                    };
                    list.metadata.push((key, value));
                }
            }
            (other, _) => return Err(format!("{WHICH}, not {}", shown(other))),
        }
        is_said = true;
    }
    match is_said {
        true => Ok(list),
        false => Err(WHICH.to_owned()),
    }
}

/// By the words that lists know.
fn of_status(status: &str) -> Result<Option<dkron_node::service::StatusFilter>, String> {
    let known = ["untriggered", "success", "failed", "partially_failed", "running"];
    if !known.contains(&status) {
        let any = crate::words::any_of(known.into_iter());
        return Err(format!("selector.status: {} is unknown, use {any}", shown(status)));
    }
    query::jobs(&Query::parse(&format!("status={status}"))).map(|list| list.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_of_which_jobs() {
        let read = |text: &str| wanted(text.as_bytes());
        let got = read(r#"{"action": "run", "names": ["a", "b"]}"#).unwrap();
        assert_eq!(got.verb, Verb::Run);
        assert!(matches!(got.jobs, Jobs::Listed(names) if names.len() == 2));
        let jobs = r#"{"action": "apply", "jobs": [{"name": "a", "schedule": "@manually"}]}"#;
        assert!(matches!(read(jobs).unwrap().jobs, Jobs::Listed(jobs) if jobs.len() == 1));
        let text = r#"{"action": "disable", "selector": {"prefix": "db-", "status": "failed"}}"#;
        let Jobs::Chosen(list) = read(text).unwrap().jobs else { panic!("a selector") };
        assert_eq!(list.prefix, "db-");
        assert!(list.status.is_some());
        assert!(read(r#"{"action": "delete", "selector": {"all": true}}"#).is_ok());
        for (text, said) in [
            ("", "the body wants JSON such as"),
            ("[]", "the body wants JSON such as"),
            ("{}", "action is missing"),
            (r#"{"action": "run"}"#, "selector is missing"),
            (r#"{"action": "walk"}"#, "action: \"walk\" is unknown"),
            (r#"{"action": "run", "names": [1]}"#, "names: it wants a list"),
            (r#"{"action": "run", "selector": {}}"#, "selector: it wants some of"),
            (r#"{"action": "run", "selector": {"all": false}}"#, "selector: it wants some of"),
            (r#"{"action": "run", "selector": {"x": 1}}"#, "selector: it wants some of"),
            (r#"{"action": "run", "selector": {"status": "x"}}"#, "selector.status: \"x\""),
            (r#"{"names": [], "selector": {"q": "x"}}"#, "names: name either"),
            (r#"{"action": "apply", "names": ["a"]}"#, "jobs: definitions go with"),
            (r#"{"action": "apply", "jobs": [{}]}"#, "jobs: number 1: name cannot be empty"),
            (r#"{"action": "apply", "jobs": [1]}"#, "jobs: number 1: "),
            (r#"{"x": 1}"#, "a batch has no \"x\""),
        ] {
            let got = read(text).unwrap_err();
            assert!(got.starts_with(said), "{text}: {got}");
        }
    }
}
