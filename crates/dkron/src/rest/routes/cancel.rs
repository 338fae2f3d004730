//! Ending what runs: one execution, or all of a job with what waits.

use axum::extract::Request;
use axum::http::StatusCode;
use dkron_core::domain::{ExecutionId, JobName};
use dkron_node::service::{CancelRequest, CancelView, Error};
use serde::Serialize;
use serde_json::Value;

use crate::rest::Call;
use crate::rest::body;
use crate::rest::forward::client;
use crate::rest::respond::{self, Answer};
use crate::words::shown;

const BODY_BYTES: usize = 64 * 1024;

/// `execution` is an id as clients see it; `None` = all of the job.
pub async fn cancel(
    call: &Call<'_>,
    name: JobName,
    execution: Option<String>,
    request: Request,
) -> Answer {
    let default_by = by_default(call, client(&request));
    let said = match said(call, request).await {
        Ok(said) => said,
        Err(refusal) => return refusal,
    };
    let id = match &execution {
        None => None,
        Some(text) => match ExecutionId::parse(text) {
            Some(id) => Some(id),
            None => return unknown_execution(&name, text),
        },
    };
    let (by, reason) = (said.by.unwrap_or(default_by), said.reason.unwrap_or_default());
    let wanted = CancelRequest { name: name.clone(), execution: id, by, reason };
    match call.service.cancel(wanted).await {
        Ok(met) => call.json(StatusCode::ACCEPTED, &Met::from(met)),
        Err(Error::JobNotFound) => unknown_job(&name),
        Err(Error::Invalid(said)) => respond::text(StatusCode::BAD_REQUEST, said),
        Err(Error::ExecutionNotFound) => not_live(call, name, execution.unwrap_or_default()).await,
        Err(err) => respond::error(&err),
    }
}

/// What a cancellation met.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Cancelled")]
pub struct Met {
    executions: Vec<String>,
    retries: u32,
    queued: u32,
}

impl From<CancelView> for Met {
    fn from(met: CancelView) -> Self {
        let executions = met.executions.iter().map(ToString::to_string).collect();
        Met { executions, retries: met.retries, queued: met.queued }
    }
}

/// It has ended already, or there never was one.
async fn not_live(call: &Call<'_>, name: JobName, id: String) -> Answer {
    match call.app.service.execution(name.clone(), id.clone()).await {
        Ok(view) if view.state.is_terminal() => {
            let said = format!("execution {id} has ended already: {}", view.state.word());
            respond::text(StatusCode::CONFLICT, said)
        }
        // It began to run, or ended, between the two questions.
        Ok(_) => respond::error(&Error::Unknown),
        Err(Error::JobNotFound) => unknown_job(&name),
        Err(Error::ExecutionNotFound) => unknown_execution(&name, &id),
        Err(err) => respond::error(&err),
    }
}

pub(super) fn unknown_job(name: &JobName) -> Answer {
    respond::text(StatusCode::NOT_FOUND, format!("job {} not found", shown(name.as_str())))
}

pub(super) fn unknown_execution(name: &JobName, id: &str) -> Answer {
    let said = format!("job {} has no execution {}", shown(name.as_str()), shown(id));
    respond::text(StatusCode::NOT_FOUND, said)
}

/// Who acts when nobody says who.
pub(super) fn by_default(call: &Call<'_>, client: Option<String>) -> String {
    let user = call.asked.origin.as_ref().map(|origin| origin.by.as_str());
    if let Some(user) = user.filter(|user| !user.is_empty()) {
        return user.to_owned();
    }
    client.map_or_else(|| "rest".to_owned(), |client| format!("rest {client}"))
}

/// Who wants it and why; what is not said stays open.
#[derive(Default)]
struct Said {
    by: Option<String>,
    reason: Option<String>,
}

/// From the body, else from the query.
async fn said(call: &Call<'_>, request: Request) -> Result<Said, Answer> {
    let param = |key: &str| call.query.get(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut said = Said { by: param("by"), reason: param("reason") };
    let too_large = "the body is larger than 64 KiB, a short reason is enough";
    let bytes = body::read(request.into_body(), BODY_BYTES, too_large).await?;
    if bytes.trim_ascii().is_empty() {
        return Ok(said);
    }
    let refuse = |text: String| respond::text(StatusCode::BAD_REQUEST, text);
    let value: Value = serde_json::from_slice(&bytes).map_err(|err| {
        refuse(format!("the body wants JSON such as {{\"reason\": \"…\", \"by\": \"…\"}}: {err}"))
    })?;
    let Value::Object(fields) = value else {
        return Err(refuse("the body wants a JSON object with reason and by".to_owned()));
    };
    for (key, value) in fields {
        let into = match key.as_str() {
            "by" => &mut said.by,
            "reason" => &mut said.reason,
            other => {
                let text =
                    format!("a cancellation has no {}, use \"by\" or \"reason\"", shown(other));
                return Err(refuse(text));
            }
        };
        match value {
            Value::Null => {}
            Value::String(text) => {
                *into = Some(text).filter(|text| !text.is_empty()).or(into.take())
            }
            other => return Err(refuse(format!("{key}: it wants a text, not {}", kind(&other)))),
        }
    }
    Ok(said)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
