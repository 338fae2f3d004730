//! Executions of all jobs, newest first, page by page.

use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue};
use dkron_core::domain::{Seq, State, Timestamp};
use dkron_node::service::{RecentCursor, RecentQuery};

use crate::rest::dto::RecentExecution;
use crate::rest::query::Query;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, instant};

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-dkron-next-cursor");
const LIMIT: usize = 100;
const LIMIT_MOST: usize = 1000;
/// Of each output; the whole one has a route of its own.
const TAIL_MOST: usize = 4096;

pub async fn recent(call: &Call<'_>) -> Answer {
    let query = match parse(&call.query) {
        Ok(query) => query,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    match call.app.service.recent(query).await {
        Ok(page) => {
            let shown: Vec<_> = page.executions.iter().map(RecentExecution::new).collect();
            let mut answer = call.ok(&shown);
            if let Some(Ok(text)) = page.cursor.map(|cursor| HeaderValue::try_from(write(cursor))) {
                answer.headers_mut().insert(NEXT_CURSOR, text);
            }
            answer
        }
        Err(err) => respond::error(&err),
    }
}

/// What is asked for, or what is wrong with it, by the name of the parameter.
fn parse(query: &Query) -> Result<RecentQuery, String> {
    let param = |key: &str| query.get(key).filter(|text| !text.is_empty());
    let mut states = Vec::new();
    for word in query.all("state").filter(|word| !word.is_empty()) {
        let known = State::ALL.into_iter().find(|state| state.word() == word);
        states.push(known.ok_or_else(|| {
            let words = State::ALL.map(State::word).join(", ");
            format!("state: {word:?} is none of {words}")
        })?);
    }
    states.sort_unstable();
    states.dedup();
    let time = |key: &str| -> Result<Option<Timestamp>, String> {
        let text = param(key);
        text.map(instant::parse).transpose().map_err(|err| format!("{key}: {err}"))
    };
    let (from, to) = (time("from")?, time("to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err("to: it must be later than from".into());
    }
    let number = |key: &str, least: usize, most: usize| match param(key).map(str::parse) {
        None => Ok(None),
        Some(Ok(number)) if (least..=most).contains(&number) => Ok(Some(number)),
        Some(_) => Err(format!("{key}: it wants a number from {least} to {most}")),
    };
    let limit = number("limit", 1, LIMIT_MOST)?.unwrap_or(LIMIT);
    let tail = number("output_size_limit", 0, TAIL_MOST)?.unwrap_or(0);
    let unknown = "cursor: it is none that this list gave; begin without one";
    let cursor = param("cursor").map(|text| read(text).ok_or(unknown)).transpose()?;
    let job = param("job").unwrap_or("").to_owned();
    let node = param("node").map(Into::into);
    Ok(RecentQuery { states, job, node, from, to, limit, tail, cursor })
}

/// For clients a cursor is a word without meaning.
fn write(cursor: RecentCursor) -> String {
    match cursor {
        RecentCursor::Live { below, since } => format!("r{:x}.{since:x}", below.0),
        RecentCursor::Ended { below } => format!("e{below:x}"),
    }
}

fn read(text: &str) -> Option<RecentCursor> {
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    if let Some(text) = text.strip_prefix('e') {
        return Some(RecentCursor::Ended { below: number(text)? });
    }
    let (below, since) = text.strip_prefix('r')?.split_once('.')?;
    Some(RecentCursor::Live { below: Seq(number(below)?), since: number(since)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<RecentQuery, String> {
        parse(&Query::parse(text))
    }

    #[test]
    fn parameters() {
        let all = RecentQuery { limit: 100, ..RecentQuery::default() };
        assert_eq!(asked("limit=&state="), Ok(all.clone()));
        let states = vec![State::Running, State::Failed];
        let some = RecentQuery { states, job: "etl-".into(), node: Some("n1".into()), ..all };
        assert_eq!(asked("state=failed&job=etl-&state=running&node=n1&state=failed"), Ok(some));
        let day = asked("from=1970-01-01T00:00:00Z&to=1970-01-01T00:01:00Z&limit=7").unwrap();
        assert_eq!((day.from, day.to), (Some(Timestamp::from_secs(0)), Some(at(60))));
        assert_eq!((day.limit, day.tail), (7, 0));
        assert_eq!(asked("output_size_limit=64").unwrap().tail, 64);
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn cursors_come_back() {
        for cursor in [
            RecentCursor::Live { below: Seq(u64::MAX), since: 12 },
            RecentCursor::Ended { below: 1 << 40 },
        ] {
            assert_eq!(asked(&format!("cursor={}", write(cursor))).unwrap().cursor, Some(cursor));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, field) in [
            ("state=good", "state: "),
            ("state=failed&state=good", "state: "),
            ("from=yesterday", "from: "),
            ("to=1", "to: "),
            ("from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", "to: "),
            ("limit=0", "limit: "),
            ("limit=1001", "limit: "),
            ("limit=-1", "limit: "),
            ("output_size_limit=5000", "output_size_limit: "),
            ("cursor=x", "cursor: "),
            ("cursor=r1", "cursor: "),
            ("cursor=e%C3%BC", "cursor: "),
        ] {
            let said = asked(text).unwrap_err();
            assert!(said.starts_with(field), "{text}: {said}");
        }
    }
}
