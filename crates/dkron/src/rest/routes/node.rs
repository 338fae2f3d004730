//! The answering node itself: index, health, variables and metrics.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use dkron_node::service::{JobView, ListQuery};
use serde_json::json;

use crate::metrics::process;
use crate::rest::Call;
use crate::rest::dto::{HealthyDto, IndexDto};
use crate::rest::respond::{self, Answer};

/// Jobs that `/debug/vars` lists; it is a look, not an export.
const LISTED_JOBS: usize = 1000;
const METRICS_TEXT: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

pub async fn index(call: &Call<'_>) -> Answer {
    let service = &call.app.service;
    let found = async { Ok((service.own().await?, service.members().await?)) };
    let (own, members) = match found.await {
        Ok(found) => found,
        Err(err) => return respond::error(&err),
    };
    let count =
        |status: u8| members.iter().filter(|each| each.status == status).count().to_string();
    let fixed = |text: &str| text.to_owned();
    call.ok(&IndexDto {
        agent: [("name", call.app.node.as_str()), ("version", env!("CARGO_PKG_VERSION"))].into(),
        serf: BTreeMap::from([
            ("coordinate_resets", fixed("0")),
            ("encrypted", call.app.encrypted.to_string()),
            ("event_queue", fixed("0")),
            ("event_time", fixed("1")),
            ("failed", count(4)),
            ("health_score", fixed("0")),
            ("intent_queue", fixed("0")),
            ("left", count(3)),
            ("member_time", fixed("1")),
            ("members", members.len().to_string()),
            ("query_queue", fixed("0")),
            ("query_time", fixed("1")),
        ]),
        tags: &own.tags,
    })
}

/// Says that HTTP works, whatever the cluster does; never pretty.
pub fn health() -> Answer {
    respond::json(StatusCode::OK, &HealthyDto { status: "healthy" }, false)
}

pub fn metrics(call: &Call<'_>) -> Answer {
    let Some(handle) = &call.app.metrics else { return respond::no_route() };
    process::record(&call.app.node);
    let mut answer = Response::new(Body::from(handle.render()));
    answer.headers_mut().insert(CONTENT_TYPE, METRICS_TEXT);
    answer
}

pub async fn vars(call: &Call<'_>) -> Answer {
    let service = &call.app.service;
    let list = ListQuery { end: Some(LISTED_JOBS), ..ListQuery::default() };
    let jobs = service.list_jobs(list).await.map(|page| page.jobs).unwrap_or_default();
    let scheduled = jobs.iter().filter(|view| !view.job.disabled && view.job.parent_job.is_none());
    let entries: BTreeMap<&str, String> =
        scheduled.map(|view| (view.job.name.as_str(), entry(view))).collect();
    let leads = matches!(service.leader().await,
        Ok(Some(leader)) if leader.name.as_str() == call.app.node);
    let process::Memory { resident, virtual_size } = process::memory();
    let vars = json!({
        "cmdline": call.app.command_line,
        "cron_entries": entries,
        "memstats": { "Alloc": resident, "HeapAlloc": resident, "Sys": virtual_size },
        "node": call.app.node,
        "scheduler_started": i32::from(leads),
    });
    respond::json(StatusCode::OK, &vars, false)
}

fn entry(view: &JobView) -> String {
    let tags: Vec<String> = view.job.tags.iter().map(|(k, v)| format!("{k}:{v}")).collect();
    let (name, schedule) = (&view.job.name, &view.job.schedule);
    format!("\"Job: {name}, scheduled at: {schedule}, tags:map[{}]\"", tags.join(" "))
}
