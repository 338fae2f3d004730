//! Jobs: list, show, delete, run, toggle.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue, LOCATION};
use dkron_core::domain::JobName;

use super::{counted, long_list};
use crate::metrics;
use crate::rest::dto::JobDto;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, Peer, demand, query};

pub(super) const GROUP: HeaderName = HeaderName::from_static("x-dkron-group");
/// It runs when its turn comes; its group has no number yet.
pub(super) const QUEUED: HeaderName = HeaderName::from_static("x-dkron-queued");
pub(super) const ENDED: HeaderName = HeaderName::from_static("x-dkron-ended");
/// A connection is not held longer than this.
pub(super) const WAIT_MOST: Duration = Duration::from_secs(600);

pub async fn list(call: &Call<'_>, peer: Option<Peer>) -> Answer {
    let list = match query::jobs(&call.query) {
        Ok(list) => list,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    match call.app.service.list_jobs(list).await {
        Ok(page) if !page.rest.is_empty() => {
            let (service, total) = (call.app.service.clone(), page.total);
            counted(long_list::answer(service, page, call.pretty, peer), total)
        }
        Ok(page) => {
            let jobs: Vec<JobDto<'_>> = page.jobs.iter().map(JobDto::from).collect();
            counted(call.ok(&jobs), page.total)
        }
        Err(err) => respond::error(&err),
    }
}

pub async fn show(call: &Call<'_>, name: JobName) -> Answer {
    let asked = Instant::now();
    let result = call.app.service.job(name).await;
    metrics::timed(metrics::names::GET_JOB, asked);
    match result {
        Ok(view) => {
            let mut answer = call.ok(&JobDto::from(&view));
            demand::tag(&mut answer, view.version);
            answer
        }
        Err(err) => respond::error(&err),
    }
}

pub async fn delete(call: &Call<'_>, name: JobName) -> Answer {
    let asked = Instant::now();
    let result = call.service.delete_job(name).await;
    metrics::timed(metrics::names::DELETE_JOB, asked);
    match result {
        Ok(view) => {
            metrics::counted(metrics::names::JOB_DELETE, view.job.name.as_str());
            call.ok(&JobDto::from(&view))
        }
        Err(err) => respond::error(&err),
    }
}

/// Whether a group is over.
pub(super) fn ended(ended: bool) -> HeaderValue {
    HeaderValue::from_static(if ended { "true" } else { "false" })
}

pub async fn toggle(call: &Call<'_>, name: JobName) -> Answer {
    match call.service.toggle_job(name).await {
        Ok(view) => {
            let mut answer = call.ok(&JobDto::from(&view));
            demand::tag(&mut answer, view.version);
            located(&mut answer, call);
            answer
        }
        Err(err) => respond::error(&err),
    }
}

/// `Location` is the request's own address, as Dkron has it.
pub(super) fn located(answer: &mut Answer, call: &Call<'_>) {
    let address = call.uri.path_and_query().map_or("/", |address| address.as_str());
    if let Ok(value) = HeaderValue::from_bytes(address.as_bytes()) {
        answer.headers_mut().insert(LOCATION, value);
    }
}
