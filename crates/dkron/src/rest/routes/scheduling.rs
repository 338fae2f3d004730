//! Pauses of scheduling: nothing starts by itself, runs by hand go on.

use axum::extract::Request;
use axum::http::StatusCode;
use dkron_node::service::{Error, PauseNo, PauseScheduling, PauseScope};
use serde_json::{Map, Value};

use super::cancel;
use super::operator::{instant_or_span, short};
use crate::rest::dto::{PauseDto, ResumedDto, SchedulingDto};
use crate::rest::forward::client;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, body, instant};
use crate::words::shown;

/// LIMIT: a scope may name 64 KiB.
const BODY_BYTES: usize = 256 * 1024;
const TOO_LARGE: &str = "the body is larger than 256 KiB, name jobs by a prefix or by metadata";
const FORM: &str = "the body wants JSON such as {\"reason\": \"…\", \"until\": \"2h\", \
                    \"scope\": {\"prefix\": \"db-\"}}";
const SCOPE: &str =
    "scope: it wants \"all\" or an object with \"jobs\", \"prefix\" or \"metadata\"";

pub async fn show(call: &Call<'_>) -> Answer {
    match call.app.service.scheduling_pauses().await {
        Ok(pauses) => call.ok(&SchedulingDto::new(&pauses, instant::now())),
        Err(err) => respond::error(&err),
    }
}

/// The body: `{"reason": "…", "until": "…", "scope": "all", "by": "…"}`, or none.
pub async fn pause(call: &Call<'_>, request: Request) -> Answer {
    let by = cancel::by_default(call, client(&request));
    let bytes = match body::read(request.into_body(), BODY_BYTES, TOO_LARGE).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let wanted = match wanted(by, &bytes) {
        Ok(wanted) => wanted,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    let paused = async {
        let id = call.service.pause_scheduling(wanted).await?;
        let pauses = call.app.service.scheduling_pauses().await?;
        // Somebody else may have ended it meanwhile.
        pauses.into_iter().find(|pause| pause.id == id).ok_or(Error::PauseNotFound(id))
    };
    match paused.await {
        Ok(pause) => call.json(StatusCode::CREATED, &PauseDto::from(&pause)),
        Err(Error::Invalid(said)) => respond::text(StatusCode::BAD_REQUEST, said),
        Err(err) => respond::error(&err),
    }
}

/// The id stands in the path or in the body, `{"id": "…"}`; without one all pauses end.
pub async fn resume(call: &Call<'_>, id: Option<String>, request: Request) -> Answer {
    let id = match id {
        Some(id) => number(&id).map(Some),
        None => match body::read(request.into_body(), BODY_BYTES, TOO_LARGE).await {
            Ok(bytes) => of_body(&bytes),
            Err(refusal) => return refusal,
        },
    };
    let resumed = match id {
        Ok(id) => call.service.resume_scheduling(id).await,
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    match resumed {
        Ok(pauses) => call.ok(&ResumedDto { resumed: pauses }),
        Err(Error::Invalid(said)) => respond::text(StatusCode::BAD_REQUEST, said),
        Err(err) => respond::error(&err),
    }
}

fn number(text: &str) -> Result<PauseNo, String> {
    let number = text.parse().map(PauseNo);
    number.map_err(|_| format!("id: {} is none, GET /v1/scheduling shows them", shown(text)))
}

fn of_body(bytes: &[u8]) -> Result<Option<PauseNo>, String> {
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let form = "the body wants JSON such as {\"id\": \"7\"}, or none for all pauses";
    let value: Value = serde_json::from_slice(bytes).map_err(|err| format!("{form}: {err}"))?;
    let Value::Object(fields) = value else { return Err(form.to_owned()) };
    if let Some(other) = fields.keys().find(|key| *key != "id") {
        return Err(format!("a resumption has no {}, use \"id\"", shown(other)));
    }
    match fields.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => number(text).map(Some),
        Some(Value::Number(number)) => self::number(&number.to_string()).map(Some),
        Some(_) => Err("id: it wants a text such as \"7\"".to_owned()),
    }
}

fn wanted(by: String, bytes: &[u8]) -> Result<PauseScheduling, String> {
    let (scope, until, reason) = (PauseScope::default(), None, String::new());
    let mut wanted = PauseScheduling { scope, until, by, reason };
    if bytes.trim_ascii().is_empty() {
        return Ok(wanted);
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|err| format!("{FORM}: {err}"))?;
    let Value::Object(fields) = value else { return Err(FORM.to_owned()) };
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("reason" | "until" | "by" | "scope", Value::Null) => {}
            ("until" | "by", Value::String(text)) if text.is_empty() => {}
            ("reason", Value::String(text)) => wanted.reason = short("reason", text)?,
            ("by", Value::String(text)) => wanted.by = short("by", text)?,
            ("until", Value::String(text)) => {
                wanted.until = Some(instant_or_span("until", &text)?);
            }
            ("scope", Value::String(text)) if text == "all" => {}
            ("scope", Value::Object(fields)) => wanted.scope = jobs_of(fields)?,
            ("scope", _) => return Err(SCOPE.to_owned()),
            ("reason" | "until" | "by", _) => return Err(format!("{key}: it wants a text")),
            (other, _) => {
                return Err(format!(
                    "a pause has no {}, use \"reason\", \"until\", \"scope\" or \"by\"",
                    shown(other)
                ));
            }
        }
    }
    Ok(wanted)
}

fn jobs_of(fields: Map<String, Value>) -> Result<PauseScope, String> {
    let mut scope = PauseScope::default();
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("jobs", Value::Array(names)) => {
                let name = |name: Value| match name {
                    Value::String(name) if !name.is_empty() => Ok(name.into()),
                    _ => Err("scope.jobs: it wants a list of names".to_owned()),
                };
                scope.jobs = names.into_iter().map(name).collect::<Result<_, _>>()?;
                scope.jobs.sort();
                scope.jobs.dedup();
            }
            ("prefix", Value::String(prefix)) => scope.prefix = prefix,
            ("metadata", Value::Object(pairs)) => {
                let pair = |(key, value): (String, Value)| match value {
                    Value::String(value) => Ok((key, value)),
                    _ => Err(format!("scope.metadata: {} wants a text", shown(&key))),
                };
                scope.metadata = pairs.into_iter().map(pair).collect::<Result<_, _>>()?;
            }
            ("jobs", _) => return Err("scope.jobs: it wants a list of names".to_owned()),
            ("prefix", _) => return Err("scope.prefix: it wants a text".to_owned()),
            ("metadata", _) => return Err("scope.metadata: it wants an object".to_owned()),
            (other, _) => return Err(format!("{SCOPE}, not {}", shown(other))),
        }
    }
    match scope.is_all() {
        true => Err(format!("{SCOPE}: this one names nothing")),
        false => Ok(scope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_stop() {
        let read = |text: &str| wanted("me".to_owned(), text.as_bytes());
        assert!(read(" ").unwrap().scope.is_all());
        let all = read(r#"{"scope": "all", "until": "2030-01-02T03:04:05Z", "reason": "x"}"#);
        let all = all.unwrap();
        assert_eq!(instant::format(all.until.unwrap(), 0), "2030-01-02T03:04:05Z");
        assert_eq!((all.by.as_str(), all.reason.as_str()), ("me", "x"));
        let some = r#"{"scope": {"jobs": ["b", "a", "b"], "metadata": {"team": "red"}}}"#;
        let some = read(some).unwrap().scope;
        assert_eq!(some.jobs, ["a".into(), "b".into()]);
        assert_eq!(some.metadata.get("team"), Some("red"));
        for (text, said) in [
            ("[]", "the body wants JSON such as"),
            (r#"{"until": "soon"}"#, "until: \"soon\" is no duration"),
            (r#"{"until": 5}"#, "until: it wants a text"),
            (r#"{"scope": "some"}"#, "scope: it wants \"all\" or an object"),
            (r#"{"scope": {}}"#, "scope: it wants \"all\" or an object"),
            (r#"{"scope": {"jobs": []}}"#, "scope: it wants \"all\" or an object"),
            (r#"{"scope": {"jobs": [1]}}"#, "scope.jobs: it wants a list of names"),
            (r#"{"scope": {"x": 1}}"#, "scope: it wants \"all\" or an object"),
            (r#"{"scope": {"metadata": {"a": 1}}}"#, "scope.metadata: \"a\" wants a text"),
            (r#"{"x": 1}"#, "a pause has no \"x\""),
        ] {
            let got = read(text).unwrap_err();
            assert!(got.starts_with(said), "{text}: {got}");
        }
    }

    #[test]
    fn which_pause_ends() {
        assert_eq!(of_body(b""), Ok(None));
        assert_eq!(of_body(br#"{"id": "7"}"#), Ok(Some(PauseNo(7))));
        assert_eq!(of_body(br#"{"id": 7}"#), Ok(Some(PauseNo(7))));
        for text in ["7", "{\"id\": \"x\"}", "{\"id\": []}", "{\"x\": 1}"] {
            assert!(of_body(text.as_bytes()).is_err(), "{text}");
        }
    }
}
