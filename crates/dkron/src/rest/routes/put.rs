//! Create or replace a job: the body, its checks at the door, and the answer.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use axum::http::{Method, StatusCode};
use dkron_core::domain::{JobName, Submission, limits};
use dkron_node::service::{Error, JobView};

use super::patch::patch;
use crate::metrics;
use crate::rest::decode::{self, Draft};
use crate::rest::dto::JobDto;
use crate::rest::respond::{self, Answer};
use crate::rest::{App, Call, body, demand};

const WARNING: HeaderName = HeaderName::from_static("warning");
const BAD_CONCURRENCY: &str = "invalid concurrency policy value, use \"allow\" or \"forbid\"";
const TOO_LARGE: &str = "the job is larger than 1 MiB, keep scripts and payloads in files";
/// Bytes of a name that are repeated in a header.
const SHOWN_NAME: usize = 64;

/// PUT names the job in its path too; a body that names another one is refused.
pub async fn put(call: &Call<'_>, path_name: Option<JobName>, request: Request) -> Answer {
    if request.method() == Method::PATCH && is_merge_patch(request.headers()) {
        return patch(call, path_name, request).await;
    }
    let submission = match accept(path_name, request).await {
        Ok(submission) => submission,
        Err(refusal) => return refuse(call.app, refusal).await,
    };
    let warning = unknown_names(call.app, &submission);
    let asked = Instant::now();
    let result = call.service.put_job(submission).await;
    metrics::timed(metrics::names::SET_JOB, asked);
    let view = match result {
        Ok(view) => view,
        Err(err) => return respond::error(&err),
    };
    metrics::counted(metrics::names::JOB_ADD, view.job.name.as_str());
    if call.query.has("runoncreate") {
        let service = call.app.service.asked(call.asked.part(1));
        let run = service.run_job(view.job.name.clone(), None).await;
        if let Err(err) = run {
            tracing::info!(job = %view.job.name, %err, "rest: runoncreate started no run");
        }
    }
    stored(call, StatusCode::CREATED, &view, warning)
}

/// The answer to a write that was carried out.
pub fn stored(
    call: &Call<'_>,
    status: StatusCode,
    view: &JobView,
    warning: Option<HeaderValue>,
) -> Answer {
    let mut answer = call.json(status, &JobDto::from(view));
    demand::tag(&mut answer, view.version);
    let location = format!("/v1/jobs/{}", view.job.name);
    if let Ok(value) = HeaderValue::from_bytes(location.as_bytes()) {
        answer.headers_mut().insert(LOCATION, value);
    }
    if let Some(warning) = warning {
        answer.headers_mut().insert(WARNING, warning);
    }
    answer
}

/// The posted job, as far as the door can judge it.
async fn accept(path_name: Option<JobName>, request: Request) -> Result<Submission, Answer> {
    let body = body(request).await?;
    let draft = decode::job(&body).map_err(|err| respond::unparsable(&err))?;
    if let Some(wanted) = path_name {
        let posted = &draft.submission.job.name;
        if *posted != wanted && !posted.is_empty() {
            let said = other_name(posted.as_str(), wanted.as_str());
            return Err(respond::text(StatusCode::BAD_REQUEST, said));
        }
    }
    admit(draft).map_err(|err| respond::error(&err))
}

pub async fn body(request: Request) -> Result<Bytes, Answer> {
    body::read(request.into_body(), limits::DEFINITION_BYTES, TOO_LARGE).await
}

pub fn other_name(posted: &str, wanted: &str) -> String {
    format!(
        "the body names job `{posted}` and the path `{wanted}`: a job can not be renamed, use the \
         same name in both"
    )
}

/// What the domain's types can not hold is refused here, in the words of the validation.
pub fn admit(draft: Draft) -> Result<Submission, Error> {
    if draft.submission.job.name.is_empty() {
        return Err(Error::Invalid("name cannot be empty".to_owned()));
    }
    if draft.bad_concurrency {
        return Err(Error::Invalid(BAD_CONCURRENCY.to_owned()));
    }
    if draft.retries > u64::from(limits::RETRIES) {
        let said = format!("retries: {} is too many, use 0 to {}", draft.retries, limits::RETRIES);
        return Err(Error::Invalid(said));
    }
    match draft.wishes.wrong {
        Some(said) => Err(Error::Invalid(said)),
        None => Ok(draft.submission),
    }
}

/// A pause counts before anything that is wrong with the job.
pub async fn refuse(app: &App, refusal: Answer) -> Answer {
    match app.service.paused().await {
        Ok(true) => respond::error(&Error::Paused),
        _ => refusal,
    }
}

/// Whether the body says what to change, instead of being a whole job.
pub fn is_merge_patch(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/merge-patch+json")
}

/// A header that names what no node has: the job is stored as Dkron stores it.
pub fn unknown_names(app: &App, submission: &Submission) -> Option<HeaderValue> {
    let job = &submission.job;
    let mut said = Vec::new();
    if job.executor.is_empty() {
        said.push("the job names no executor, its runs will fail".to_owned());
    } else if !app.executors.contains(&job.executor) {
        let name = printable(&job.executor);
        said.push(format!("no node has executor '{name}', runs of the job will fail"));
    }
    let missing = job.processors.keys().filter(|name| !app.processors.contains(name)).take(4);
    said.extend(
        missing
            .map(|name| format!("no node has processor '{}', it will be skipped", printable(name))),
    );
    if said.is_empty() {
        return None;
    }
    HeaderValue::from_str(&format!("299 dkron \"{}\"", said.join("; "))).ok()
}

fn printable(name: &str) -> String {
    let plain =
        |letter: char| if letter.is_ascii_graphic() && letter != '"' { letter } else { '?' };
    name.chars().take(SHOWN_NAME).map(plain).collect()
}
