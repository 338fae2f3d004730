//! Figures over time: of the cluster, a node or a job, by minute, hour or day.

use axum::http::StatusCode;
use dkron_core::domain::Timestamp;
use dkron_core::domain::stats::Span;
use dkron_node::service::{Scope, StatsQuery};

use crate::rest::dto::{BucketDto, StatsDto};
use crate::rest::query::Query;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, instant};

pub async fn stats(call: &Call<'_>) -> Answer {
    let stats = match parse(&call.query) {
        Ok(stats) => stats,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    let buckets = match call.app.service.stats(stats.clone()).await {
        Ok(buckets) => buckets,
        Err(err) => return respond::error(&err),
    };
    let (scope, name) = match &stats.scope {
        Scope::Cluster => ("cluster", ""),
        Scope::Node(name) => ("node", name.as_str()),
        Scope::Job(name) => ("job", name.as_str()),
    };
    let shown = buckets.iter().map(|bucket| BucketDto::new(stats.span, bucket)).collect();
    call.ok(&StatsDto { scope, name, span: stats.span.word(), buckets: shown })
}

/// What is asked for, or what is wrong with it, by the name of the parameter.
fn parse(query: &Query) -> Result<StatsQuery, String> {
    let param = |key: &str| query.get(key).filter(|text| !text.is_empty());
    let name = param("name");
    let named = || name.ok_or("name: which one is meant? it is needed with scope node and job");
    let scope = match param("scope").unwrap_or("cluster") {
        "cluster" if name.is_some() => {
            return Err("name: the cluster has none; say scope=node or scope=job".into());
        }
        "cluster" => Scope::Cluster,
        "node" => Scope::Node(named()?.into()),
        "job" => Scope::Job(named()?.into()),
        other => return Err(format!("scope: {other:?} is none of cluster, node, job")),
    };
    let span = match param("span").unwrap_or("hour") {
        "minute" if matches!(scope, Scope::Job(_)) => {
            return Err("span: a job has figures by hour and day, not by minute".into());
        }
        "minute" => Span::Minute,
        "hour" => Span::Hour,
        "day" => Span::Day,
        other => return Err(format!("span: {other:?} is none of minute, hour, day")),
    };
    let time = |key: &str| -> Result<Option<Timestamp>, String> {
        let text = param(key);
        text.map(instant::parse).transpose().map_err(|err| format!("{key}: {err}"))
    };
    let (from, to) = (time("from")?, time("to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err("to: it must be later than from".into());
    }
    Ok(StatsQuery { scope, span, from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<StatsQuery, String> {
        parse(&Query::parse(text))
    }

    #[test]
    fn parameters() {
        let all = |scope, span| StatsQuery { scope, span, from: None, to: None };
        assert_eq!(asked(""), Ok(all(Scope::Cluster, Span::Hour)));
        assert_eq!(asked("scope=&span=minute&from="), Ok(all(Scope::Cluster, Span::Minute)));
        assert_eq!(asked("scope=node&name=n1"), Ok(all(Scope::Node("n1".into()), Span::Hour)));
        let day = StatsQuery {
            from: Some(Timestamp::from_secs(0)),
            to: Some(Timestamp::from_secs(60)),
            ..all(Scope::Job("a b".into()), Span::Day)
        };
        let text =
            "scope=job&name=a%20b&span=day&from=1970-01-01T00:00:00Z&to=1970-01-01T00:01:00Z";
        assert_eq!(asked(text), Ok(day));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, field) in [
            ("scope=pool", "scope: "),
            ("scope=job", "name: "),
            ("name=n1", "name: "),
            ("span=week", "span: "),
            ("scope=job&name=a&span=minute", "span: "),
            ("from=yesterday", "from: "),
            ("to=1", "to: "),
            ("from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", "to: "),
        ] {
            let said = asked(text).unwrap_err();
            assert!(said.starts_with(field), "{text}: {said}");
        }
    }
}
