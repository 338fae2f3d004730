//! What will be due soon, over all jobs.

use std::time::Duration;

use axum::http::StatusCode;
use dkron_node::service::UpcomingQuery;

use crate::config::duration;
use crate::rest::Call;
use crate::rest::dto::UpcomingDto;
use crate::rest::query::Query;
use crate::rest::respond::{self, Answer};

const WINDOW: Duration = Duration::from_secs(3600);
const WINDOW_MOST: Duration = Duration::from_secs(7 * 86_400);
const BUCKETS: usize = 60;
const BUCKETS_MOST: usize = 1440;
const LIMIT: usize = 20;
const LIMIT_MOST: usize = 1000;

pub async fn upcoming(call: &Call<'_>) -> Answer {
    let query = match parse(&call.query) {
        Ok(query) => query,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    match call.app.service.upcoming(query).await {
        Ok(upcoming) => call.ok(&UpcomingDto::from(&upcoming)),
        Err(err) => respond::error(&err),
    }
}

/// What is asked for, or what is wrong with it, by the name of the parameter.
fn parse(query: &Query) -> Result<UpcomingQuery, String> {
    let param = |key: &str| query.get(key).filter(|text| !text.is_empty());
    let number = |key: &str, least: usize, most: usize| match param(key).map(str::parse) {
        None => Ok(None),
        Some(Ok(number)) if (least..=most).contains(&number) => Ok(Some(number)),
        Some(_) => Err(format!("{key}: it wants a number from {least} to {most}")),
    };
    let window = match param("window") {
        None => WINDOW,
        Some(text) => duration(text)
            .filter(|window| (Duration::from_secs(1)..=WINDOW_MOST).contains(window))
            .ok_or("window: it wants a duration such as 1h or 30m, at most 168h")?,
    };
    let seconds = usize::try_from(window.as_secs()).unwrap_or(1);
    let wanted = number("buckets", 1, BUCKETS_MOST)?;
    if wanted.is_some_and(|buckets| buckets > seconds) {
        return Err(format!("buckets: at most one a second, {seconds} of that window"));
    }
    let buckets = wanted.unwrap_or(BUCKETS.min(seconds));
    let limit = number("limit", 0, LIMIT_MOST)?.unwrap_or(LIMIT);
    Ok(UpcomingQuery { window, buckets, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<UpcomingQuery, String> {
        parse(&Query::parse(text))
    }

    #[test]
    fn parameters() {
        let hour = UpcomingQuery { window: WINDOW, buckets: 60, limit: 20 };
        assert_eq!(asked("window=&limit="), Ok(hour));
        let week = UpcomingQuery { window: WINDOW_MOST, buckets: 1440, limit: 0 };
        assert_eq!(asked("window=168h&buckets=1440&limit=0"), Ok(week));
        assert_eq!(asked("window=10s").unwrap().buckets, 10);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, field) in [
            ("window=169h", "window: "),
            ("window=0s", "window: "),
            ("window=soon", "window: "),
            ("buckets=0", "buckets: "),
            ("buckets=1441", "buckets: "),
            ("window=10s&buckets=11", "buckets: "),
            ("limit=1001", "limit: "),
            ("limit=-1", "limit: "),
        ] {
            let said = asked(text).unwrap_err();
            assert!(said.starts_with(field), "{text}: {said}");
        }
    }
}
