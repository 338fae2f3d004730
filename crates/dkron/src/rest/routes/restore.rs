//! Import of a file of jobs: the list that `GET /v1/jobs` answers.

use std::time::Duration;

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use dkron_core::domain::Submission;
use dkron_node::service::Error;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::put::admit;
use crate::rest::Call;
use crate::rest::decode::{self, Draft};
use crate::rest::respond::{self, Answer};
use crate::words::shown;

/// A hundred thousand large jobs; what is larger belongs into several files.
const FILE_BYTES: usize = 256 * 1024 * 1024;
/// Files held at a time; more clients wait for their turn.
static FILES: Semaphore = Semaphore::const_new(2);
/// After so long without one they are sent away.
const TURN: Duration = Duration::from_secs(30);
/// A client that sends nothing for so long is not waited for.
const SILENCE: Duration = Duration::from_secs(60);

/// A place among those who bring files.
pub(super) async fn turn() -> Result<SemaphorePermit<'static>, Answer> {
    let permit = tokio::time::timeout(TURN, FILES.acquire()).await;
    permit.ok().and_then(Result::ok).ok_or_else(|| respond::error(&Error::Busy))
}

pub async fn restore(call: &Call<'_>, request: Request) -> Answer {
    let _turn = match turn().await {
        Ok(turn) => turn,
        Err(refusal) => return refusal,
    };
    let file = match file(request).await {
        Ok(file) => file,
        Err(refusal) => return refusal,
    };
    let drafts = match decode::jobs(&file) {
        Ok(drafts) => drafts,
        Err(err) => return wrong(&err),
    };
    drop(file);
    let jobs = match drafts.into_iter().map(named).collect::<Result<Vec<_>, String>>() {
        Ok(jobs) => jobs,
        Err(said) => return wrong(&said),
    };
    match call.service.restore(jobs).await {
        Ok(stored) => {
            let word = |stored| if stored { "success" } else { "fail" };
            let lines: Vec<String> =
                stored.iter().map(|(name, ok)| format!("{} create {name}", word(*ok))).collect();
            // A list as the text of a text: clients decode it twice.
            let list = crate::rest::json::encode(&lines, false);
            call.ok(&String::from_utf8_lossy(&list))
        }
        Err(err @ (Error::Invalid(_) | Error::Cycle(_) | Error::ParentNotFound)) => wrong(&err),
        Err(err) => respond::error(&err),
    }
}

/// Nothing was stored. Dkron says no word about it.
fn wrong(why: &impl std::fmt::Display) -> Answer {
    respond::silent(StatusCode::BAD_REQUEST, &why.to_string())
}

/// A job of the file, or its name and what is wrong with it.
fn named(draft: Draft) -> Result<Submission, String> {
    let name = draft.submission.job.name.clone();
    admit(draft).map_err(|err| format!("job {}: {err}", shown(name.as_str())))
}

/// The bytes of the field `file`.
async fn file(request: Request) -> Result<Vec<u8>, Answer> {
    let bad = |said: &str| respond::text(StatusCode::BAD_REQUEST, said);
    let Ok(mut form) = Multipart::from_request(request, &()).await else {
        return Err(bad("restore wants multipart/form-data with the jobs in the field `file`"));
    };
    loop {
        match form.next_field().await {
            Ok(Some(field)) if field.name() == Some("file") => return collect(field).await,
            Ok(Some(_)) => {}
            Ok(None) => return Err(bad("the form has no field `file`")),
            Err(_) => return Err(bad("the form is broken")),
        }
    }
}

async fn collect(mut field: Field<'_>) -> Result<Vec<u8>, Answer> {
    let mut bytes = Vec::new();
    loop {
        let chunk = tokio::time::timeout(SILENCE, field.chunk()).await;
        let Ok(chunk) = chunk else {
            let said = "nothing came for a minute";
            return Err(respond::text(StatusCode::REQUEST_TIMEOUT, said));
        };
        match chunk {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= FILE_BYTES => {
                bytes.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                let said = "the file is larger than 256 MiB, split the list";
                return Err(respond::text(StatusCode::PAYLOAD_TOO_LARGE, said));
            }
            Ok(None) => return Ok(bytes),
            Err(_) => return Err(respond::text(StatusCode::BAD_REQUEST, "the form is broken")),
        }
    }
}
