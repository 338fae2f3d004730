//! What users did, newest first, page by page.

use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue};
use dkron_core::domain::Timestamp;
use dkron_node::service::ActivityQuery;

use crate::rest::dto::ActivityDto;
use crate::rest::query::Query;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, instant};

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-dkron-next-cursor");
const LIMIT: usize = 100;
const LIMIT_MOST: usize = 1000;

pub async fn list(call: &Call<'_>) -> Answer {
    let query = match parse(&call.query) {
        Ok(query) => query,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    match call.app.service.activity(query).await {
        Ok(page) => {
            let shown: Vec<_> = page.activities.iter().map(ActivityDto::from).collect();
            let mut answer = call.ok(&shown);
            if let Some(below) = page.below {
                answer.headers_mut().insert(NEXT_CURSOR, HeaderValue::from(below));
            }
            answer
        }
        Err(err) => respond::error(&err),
    }
}

fn parse(query: &Query) -> Result<ActivityQuery, String> {
    let param = |key: &str| query.get(key).filter(|text| !text.is_empty());
    let time = |key: &str| -> Result<Option<Timestamp>, String> {
        param(key).map(instant::parse).transpose().map_err(|err| format!("{key}: {err}"))
    };
    let limit = match param("limit").map(str::parse) {
        None => LIMIT,
        Some(Ok(limit)) if (1..=LIMIT_MOST).contains(&limit) => limit,
        Some(_) => return Err(format!("limit: it wants a number from 1 to {LIMIT_MOST}")),
    };
    let unknown = "cursor: it is none that this list gave; begin without one";
    let below = param("cursor").map(str::parse).transpose().map_err(|_| unknown)?;
    let (from, to) = (time("from")?, time("to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err("to: it must be later than from".to_owned());
    }
    let text = |key: &str| param(key).unwrap_or("").to_owned();
    Ok(ActivityQuery { limit, below, object: text("job"), by: text("by"), from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        let read = |text: &str| parse(&Query::parse(text));
        let query = read("limit=5&cursor=7&job=a&by=ann&from=2026-01-01T00:00:00Z").unwrap();
        assert_eq!((query.limit, query.below), (5, Some(7)));
        assert_eq!((query.object.as_str(), query.by.as_str()), ("a", "ann"));
        assert!(query.from.is_some() && query.to.is_none());
        for (text, said) in [
            ("limit=0", "limit: "),
            ("limit=1001", "limit: "),
            ("cursor=x", "cursor: "),
            ("from=yesterday", "from: "),
            ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to: "),
        ] {
            assert!(read(text).unwrap_err().starts_with(said), "{text}");
        }
    }
}
