//! Runs by hand, as the definition says or in another way.

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dkron_core::domain::{JobName, TextMap};
use dkron_node::service::{ByHand, Error, RunView};
use serde_json::{Map, Value};

use super::cancel;
use super::jobs::{ENDED, GROUP, QUEUED, WAIT_MOST, ended, located};
use super::operator::short;
use crate::config::duration;
use crate::rest::dto::JobDto;
use crate::rest::forward::client;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, body};
use crate::words::shown;

/// LIMIT: what is different about a run may take 64 KiB, escapes in JSON not counted.
const BODY_BYTES: usize = 256 * 1024;
const FORM: &str = "the body wants JSON such as {\"env\": {\"A\": \"1\"}, \"reason\": \"…\"}";
const KEYS: [&str; 7] = ["env", "payload", "config", "tags", "nodes", "reason", "by"];

/// Answers as soon as the run is decided, or with `wait` when the whole group has ended.
pub async fn run(call: &Call<'_>, name: JobName, request: Request) -> Answer {
    let wait = match call.query.get("wait").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match duration(text) {
            Some(wait) => Some(wait.min(WAIT_MOST)),
            None => {
                let said = "wait: it wants a duration such as 30s or 2m, at most 10m";
                return respond::text(StatusCode::BAD_REQUEST, said);
            }
        },
    };
    let by = cancel::by_default(call, client(&request));
    let strict = says_json(request.headers());
    let too_large = "the body is larger than 256 KiB, parameters may have 64 KiB";
    let bytes = match body::read(request.into_body(), BODY_BYTES, too_large).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let fields = match fields(&bytes, strict) {
        Ok(fields) => fields,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    let run = match fields {
        None => call.service.run_job(name, wait).await,
        Some(fields) => {
            let job = match call.service.job(name.clone()).await {
                Ok(view) => view.job,
                Err(err) => return respond::error(&err),
            };
            let own = (job.executor.as_str(), &job.executor_config);
            match by_hand(fields, by, own) {
                Ok(by_hand) => call.service.run_job_by_hand(name, by_hand, wait).await,
                Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
            }
        }
    };
    match run {
        Ok(run) => decided(call, &run),
        Err(Error::Invalid(said)) => respond::text(StatusCode::BAD_REQUEST, said),
        Err(err) => respond::error(&err),
    }
}

fn decided(call: &Call<'_>, run: &RunView) -> Answer {
    let mut answer = call.json(StatusCode::ACCEPTED, &JobDto::from(&run.job));
    located(&mut answer, call);
    let headers = answer.headers_mut();
    match run.group {
        Some(group) => headers.insert(GROUP, HeaderValue::from(group.0)),
        None => headers.insert(QUEUED, HeaderValue::from_static("true")),
    };
    if let Some(over) = run.ended {
        headers.insert(ENDED, ended(over));
    }
    answer
}

fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// What the body says; none = nothing. Dkron looks at no body, so one that does not say that it is
/// JSON counts only if it is meant for this.
fn fields(bytes: &[u8], strict: bool) -> Result<Option<Map<String, Value>>, String> {
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let fields = match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => fields,
        Ok(Value::Null) => return Ok(None),
        Ok(_) if strict => return Err(FORM.to_owned()),
        Err(err) if strict => return Err(format!("{FORM}: {err}")),
        _ => return Ok(None),
    };
    let unknown = fields.keys().find(|key| !KEYS.contains(&key.as_str()));
    match unknown {
        Some(key) if strict => Err(format!(
            "a run has no parameter {}, use {}",
            shown(key),
            crate::words::any_of(KEYS.into_iter())
        )),
        Some(_) => Ok(None),
        None if fields.values().all(Value::is_null) => Ok(None),
        None => Ok(Some(fields)),
    }
}

/// `own` is the job's executor with its configuration.
fn by_hand(
    fields: Map<String, Value>,
    by: String,
    own: (&str, &TextMap),
) -> Result<ByHand, String> {
    let mut by_hand = ByHand { by, ..ByHand::default() };
    let mut over = Vec::new();
    for (key, value) in fields {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("by", Value::String(text)) if text.is_empty() => {}
            ("by", Value::String(text)) => by_hand.by = short("by", text)?,
            ("reason", Value::String(text)) => by_hand.reason = short("reason", text)?,
            ("config", Value::Object(pairs)) => over.extend(texts("config", pairs)?),
            ("tags", Value::Object(pairs)) => {
                by_hand.tags = Some(texts("tags", pairs)?.into_iter().collect());
            }
            ("nodes", Value::Array(names)) => {
                let name = |name: Value| match name {
                    Value::String(name) if !name.is_empty() => Ok(name.into()),
                    _ => Err("nodes: it wants a list of names".to_owned()),
                };
                by_hand.nodes = names.into_iter().map(name).collect::<Result<_, _>>()?;
            }
            ("payload", Value::String(text)) => over.push(payload(own.0, &text)?),
            ("env", Value::Object(pairs)) => over.push(env(own, texts("env", pairs)?)?),
            ("nodes", _) => return Err("nodes: it wants a list of names".to_owned()),
            ("env" | "config" | "tags", _) => return Err(format!("{key}: it wants an object")),
            _ => return Err(format!("{key}: it wants a text")),
        }
    }
    if by_hand.tags.is_some() && !by_hand.nodes.is_empty() {
        return Err("nodes: name either nodes or tags, not both".to_owned());
    }
    by_hand.config = over.into_iter().collect();
    Ok(by_hand)
}

/// Texts; numbers and booleans become some, as in a job.
fn texts(field: &str, pairs: Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let pair = |(key, value): (String, Value)| match value {
        Value::String(text) => Ok((key, text)),
        Value::Number(_) | Value::Bool(_) => Ok((key, value.to_string())),
        _ => Err(format!("{field}: {} wants a text", shown(&key))),
    };
    pairs.into_iter().map(pair).collect()
}

/// What the run reads, in the form of its executor.
fn payload(executor: &str, text: &str) -> Result<(String, String), String> {
    match executor {
        "shell" => Ok(("payload".to_owned(), STANDARD.encode(text))),
        "http" => Ok(("body".to_owned(), text.to_owned())),
        other => Err(format!("payload: the executor {} takes none, use config", shown(other))),
    }
}

/// The job's environment with these beside it.
fn env(own: (&str, &TextMap), pairs: Vec<(String, String)>) -> Result<(String, String), String> {
    let (executor, config) = own;
    if executor != "shell" {
        return Err(format!("env: the executor {} has none, use config", shown(executor)));
    }
    if let Some((name, _)) = pairs.iter().find(|(name, _)| name.is_empty() || name.contains('=')) {
        return Err(format!("env: {} is no name of a variable", shown(name)));
    }
    let before = config.get("env").unwrap_or("");
    let mut all: Map<String, Value> = match serde_json::from_str(before) {
        Ok(Value::Object(pairs)) => pairs,
        _ => {
            let pairs = before.split(',').filter_map(|part| part.split_once('='));
            let pairs = pairs.filter(|(name, _)| !name.is_empty());
            pairs.map(|(name, value)| (name.to_owned(), value.into())).collect()
        }
    };
    all.extend(pairs.into_iter().map(|(name, value)| (name, value.into())));
    Ok(("env".to_owned(), Value::Object(all).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(executor: &str, body: &str) -> Result<ByHand, String> {
        let config = [("env".to_owned(), "A=1,B=2".to_owned())].into_iter().collect();
        let fields = fields(body.as_bytes(), true)?.unwrap_or_default();
        by_hand(fields, "me".to_owned(), (executor, &config))
    }

    #[test]
    fn what_is_different_about_a_run() {
        let got = read("shell", r#"{"env": {"B": 3}, "payload": "hi!", "reason": "r"}"#).unwrap();
        assert_eq!(got.config.get("env"), Some(r#"{"A":"1","B":"3"}"#));
        assert_eq!(got.config.get("payload"), Some("aGkh"));
        assert_eq!((got.by.as_str(), got.reason.as_str()), ("me", "r"));
        let got = read("http", r#"{"payload": "x", "config": {"timeout": "5"}}"#).unwrap();
        assert_eq!((got.config.get("body"), got.config.get("timeout")), (Some("x"), Some("5")));
        assert_eq!(read("noop", r#"{"nodes": ["n1"]}"#).unwrap().nodes, ["n1".into()]);
        for (executor, body, said) in [
            ("shell", "[]", "the body wants JSON such as"),
            ("shell", "{", "the body wants JSON such as"),
            ("shell", r#"{"x": 1}"#, "a run has no parameter \"x\""),
            ("shell", r#"{"env": []}"#, "env: it wants an object"),
            ("shell", r#"{"env": {"A=": "1"}}"#, "env: \"A=\" is no name"),
            ("shell", r#"{"tags": {"a": []}}"#, "tags: \"a\" wants a text"),
            ("shell", r#"{"nodes": "n1"}"#, "nodes: it wants a list"),
            ("shell", r#"{"nodes": ["a"], "tags": {"b": "c"}}"#, "nodes: name either"),
            ("shell", r#"{"reason": 5}"#, "reason: it wants a text"),
            ("noop", r#"{"env": {"A": "1"}}"#, "env: the executor \"noop\" has none"),
            ("noop", r#"{"payload": "x"}"#, "payload: the executor \"noop\" takes none"),
        ] {
            let got = read(executor, body).unwrap_err();
            assert!(got.starts_with(said), "{body}: {got}");
        }
    }

    #[test]
    fn a_body_that_is_not_meant_for_this_is_none() {
        for body in ["", "hello", "[1]", r#"{"name": "j"}"#, "null", "{}", r#"{"env": null}"#] {
            assert_eq!(fields(body.as_bytes(), false), Ok(None), "{body}");
        }
        assert!(fields(br#"{"env": {}}"#, false).unwrap().is_some());
        for body in ["", " ", "null", "{}"] {
            assert_eq!(fields(body.as_bytes(), true), Ok(None), "{body}");
        }
    }
}
