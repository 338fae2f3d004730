//! Executions of a job, what runs now, and the slots that did not run.

use std::time::Instant;

use axum::http::StatusCode;
use dkron_core::domain::{JobName, Timestamp};
use dkron_core::schedule::Zone;
use dkron_node::service::{Error, ExecutionSort, ExecutionView, Service};

use super::counted;
use super::jobs::{ENDED, ended};
use crate::metrics;
use crate::rest::dto::{ExecutionDto, JobDto, ListedExecution, SkippedDto, Tail};
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, query};

pub async fn list(call: &Call<'_>, name: JobName) -> Answer {
    let (sort, descending) = match query::executions(&call.query) {
        Ok(order) => order,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    let group = match query::group(&call.query) {
        Ok(group) => group,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    let found = async {
        let service = &call.app.service;
        let job = service.job(name.clone()).await?;
        let zone = zone(service, &job.job.timezone).await?;
        // Asked first: what has ended by now is whole in the list that is read after.
        let live = match group {
            Some(group) => Some(service.group_live(group).await?),
            None => None,
        };
        Ok((zone, live, service.executions(name).await?))
    };
    let (zone, live, mut views) = match found.await {
        Ok(found) => found,
        Err(err) => return respond::error(&err),
    };
    if let Some(group) = group {
        views.retain(|view| view.group == group);
    }
    order(&mut views, sort, descending);
    let tail = Tail(query::output_limit(&call.query));
    let page = query::slice(&views, query::page(&call.query));
    let shown: Vec<_> = page.iter().map(|view| ListedExecution::new(view, &zone, tail)).collect();
    let mut answer = counted(call.ok(&shown), views.len());
    if let Some(live) = live {
        answer.headers_mut().insert(ENDED, ended(!live));
    }
    answer
}

/// Ties, and the order without a field, go by number and node.
fn order(views: &mut [ExecutionView], sort: ExecutionSort, descending: bool) {
    let time = |view: &ExecutionView| -> Option<Timestamp> {
        match sort {
            ExecutionSort::StartedAt => view.started_at,
            ExecutionSort::FinishedAt => view.finished_at,
            ExecutionSort::Key | ExecutionSort::Attempt => None,
        }
    };
    let attempt = |view: &ExecutionView| match sort {
        ExecutionSort::Attempt => view.attempt,
        _ => 0,
    };
    views.sort_by(|one, other| {
        let order =
            (time(one), attempt(one), &one.id).cmp(&(time(other), attempt(other), &other.id));
        if descending { order.reverse() } else { order }
    });
}

/// The zone in which a job's executions are shown: its own, or UTC.
async fn zone(service: &Service, timezone: &str) -> Result<Zone, Error> {
    let name = match timezone {
        "Local" => service.zone().await?,
        name => name.to_owned(),
    };
    Ok(Zone::parse(&name).unwrap_or_else(|_| Zone::utc()))
}

pub async fn show(call: &Call<'_>, name: JobName, id: String) -> Answer {
    match call.app.service.execution(name, id).await {
        Ok(view) => call.ok(&ExecutionDto::new(&view)),
        Err(err) => respond::error(&err),
    }
}

pub async fn clear(call: &Call<'_>, name: JobName) -> Answer {
    let asked = Instant::now();
    let result = call.service.clear_executions(name).await;
    metrics::timed(metrics::names::DELETE_EXECUTIONS, asked);
    match result {
        Ok(view) => call.ok(&JobDto::from(&view)),
        Err(err) => respond::error(&err),
    }
}

pub async fn busy(call: &Call<'_>) -> Answer {
    let asked = Instant::now();
    let busy = call.app.service.busy().await;
    metrics::timed(metrics::names::ACTIVE, asked);
    match busy {
        Ok(mut views) => {
            order(&mut views, ExecutionSort::StartedAt, false);
            let shown: Vec<_> = views.iter().map(ExecutionDto::new).collect();
            counted(call.ok(&shown), views.len())
        }
        Err(err) => respond::error(&err),
    }
}

pub async fn skipped(call: &Call<'_>, name: JobName) -> Answer {
    match call.app.service.skipped(name).await {
        Ok(records) => {
            let page = query::slice(&records, query::page(&call.query));
            let shown: Vec<_> = page.iter().map(SkippedDto::from).collect();
            counted(call.ok(&shown), records.len())
        }
        Err(err) => respond::error(&err),
    }
}
