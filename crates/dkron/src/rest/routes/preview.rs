//! The next instants of a schedule, before any job has it.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use dkron_core::domain::{Dst, Timestamp};
use dkron_core::schedule::{Schedule, Zone};
use serde_json::json;

use crate::rest::Call;
use crate::rest::dto::PreviewDto;
use crate::rest::instant;
use crate::rest::respond::{self, Answer};
use crate::words::{DSTS, choice};

const INSTANTS: usize = 10;
const INSTANTS_MOST: usize = 100;

pub async fn preview(call: &Call<'_>) -> Answer {
    let local = match call.app.service.zone().await {
        Ok(name) => Zone::parse(&name).unwrap_or_else(|_| Zone::utc()),
        Err(err) => return respond::error(&err),
    };
    let param = |key: &str| call.query.get(key).unwrap_or("");
    let refuse = |field: &str, message: String, column: Option<usize>| {
        let said = json!({ "field": field, "message": message, "column": column });
        call.json(StatusCode::BAD_REQUEST, &said)
    };
    let timezone = param("timezone");
    let shown_zone = match timezone {
        "" => Ok(local.clone()),
        name => Zone::resolve(name, &local),
    };
    if let Err(err) = &shown_zone {
        return refuse("timezone", err.to_string(), None);
    }
    let after = match param("after") {
        "" => now(),
        text => match instant::parse(text) {
            Ok(after) => after,
            Err(message) => return refuse("after", message, None),
        },
    };
    let count = match param("n") {
        "" => INSTANTS,
        text => match text.parse() {
            Ok(count) if count <= INSTANTS_MOST => count,
            _ => return refuse("n", format!("it wants a number up to {INSTANTS_MOST}"), None),
        },
    };
    let dst = match param("dst") {
        "" => Dst::default(),
        text => match choice(text, DSTS) {
            Ok(dst) => dst,
            Err(message) => return refuse("dst", message, None),
        },
    };
    // The name decides where `~` falls.
    let schedule = match Schedule::parse(param("schedule"), param("job"), timezone, &local) {
        Ok(schedule) => schedule.with_dst(dst),
        Err(err) => return refuse("schedule", err.message().to_owned(), Some(err.column())),
    };
    let following = |at: &Timestamp| schedule.next(*at, after);
    let next: Vec<Timestamp> =
        std::iter::successors(following(&after), following).take(count).collect();
    let ignored = !timezone.is_empty() && schedule.zone().name() != timezone;
    let note = ignored.then_some("a timezone does not count for @ schedules and TZ= prefixes");
    call.ok(&PreviewDto::new((&schedule, dst), after, &next, note))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(i128::try_from(since.as_nanos()).unwrap_or(0))
}
