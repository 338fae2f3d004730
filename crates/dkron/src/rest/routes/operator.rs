//! What operators ask and order: health, servers of the consensus group, nodes.

use axum::extract::Request;
use axum::http::StatusCode;
use dkron_core::domain::{LogIndex, NodeName, Timestamp};
use dkron_node::service::Error;
use dkron_node::service::operator::SetEligibility;
use serde_json::Value;

use super::{cancel, counted};
use crate::rest::dto::{
    ConfigurationDto, EligibilityDto, HealthDto, NewLeaderDto, NodeDto, RemovedDto, StateDto,
};
use crate::rest::forward::client;
use crate::rest::instant::{self, Instant};
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, body};
use crate::words::{shown, span};

const BODY_BYTES: usize = 64 * 1024;
/// LIMIT: bytes of who and why.
const TEXT_BYTES: usize = 1024;

/// 200 while a leader with a majority decides, else 503 with the same body.
pub async fn health(call: &Call<'_>) -> Answer {
    match call.app.service.health().await {
        Ok(health) if health.is_healthy() => call.ok(&HealthDto::from(&health)),
        Ok(health) => {
            let answer = call.json(StatusCode::SERVICE_UNAVAILABLE, &HealthDto::from(&health));
            respond::later(answer)
        }
        Err(err) => respond::error(&err),
    }
}

pub async fn configuration(call: &Call<'_>) -> Answer {
    match call.app.service.configuration().await {
        Ok(configuration) => call.ok(&ConfigurationDto::from(&configuration)),
        Err(err) => respond::error(&err),
    }
}

/// `id` or `name`; either may hold both.
pub async fn remove_peer(call: &Call<'_>) -> Answer {
    let named = call.query.get("id").or_else(|| call.query.get("name"));
    let Some(peer) = named.filter(|text| !text.is_empty()) else {
        let said =
            "name the server: ?id=… or ?name=…, as GET /v1/operator/raft/configuration shows";
        return respond::text(StatusCode::BAD_REQUEST, said);
    };
    match call.app.service.remove_peer(peer.to_owned()).await {
        Ok(()) => call.ok(&RemovedDto { removed: peer }),
        Err(err) => respond::error(&err),
    }
}

pub async fn transfer(call: &Call<'_>) -> Answer {
    let to = call.query.get("to").filter(|text| !text.is_empty()).map(str::to_owned);
    match call.app.service.transfer(to).await {
        Ok(leader) => call.ok(&NewLeaderDto { leader: leader.as_str() }),
        Err(err) => respond::error(&err),
    }
}

/// The hash at `index`; without one, or if that is over, at the present one.
pub async fn state_at(call: &Call<'_>) -> Answer {
    let index = match call.query.get("index").filter(|text| !text.is_empty()).map(str::parse) {
        None => LogIndex(0),
        Some(Ok(index)) => LogIndex(index),
        Some(Err(_)) => {
            let said =
                format!("index: {} is no number", shown(call.query.get("index").unwrap_or("")));
            return respond::text(StatusCode::BAD_REQUEST, said);
        }
    };
    match call.app.service.state_hash(index).await {
        Ok(at) => call.ok(&StateDto::from(at)),
        Err(err) => respond::error(&err),
    }
}

pub async fn nodes(call: &Call<'_>) -> Answer {
    match call.app.service.nodes().await {
        Ok(nodes) => {
            let shown: Vec<NodeDto<'_>> = nodes.iter().map(NodeDto::from).collect();
            counted(call.ok(&shown), nodes.len())
        }
        Err(err) => respond::error(&err),
    }
}

/// The body: `{"eligible": false, "deadline": "10m", "reason": "…", "by": "…"}`.
pub async fn eligibility(call: &Call<'_>, name: String, request: Request) -> Answer {
    let by = cancel::by_default(call, client(&request));
    let too_large = "the body is larger than 64 KiB, a short reason is enough";
    let bytes = match body::read(request.into_body(), BODY_BYTES, too_large).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let said = match wanted(&name, by, &bytes) {
        Ok(wanted) => call.service.set_eligibility(wanted.clone()).await.map(|()| wanted),
        Err(said) => return respond::text(StatusCode::BAD_REQUEST, said),
    };
    match said {
        Ok(wanted) => call.ok(&EligibilityDto {
            name: &name,
            eligible: wanted.eligible,
            deadline: wanted.deadline.map(Instant::utc),
            by: &wanted.by,
            reason: &wanted.reason,
        }),
        Err(Error::Invalid(said)) => respond::text(StatusCode::BAD_REQUEST, said),
        Err(err) => respond::error(&err),
    }
}

fn wanted(name: &str, by: String, bytes: &[u8]) -> Result<SetEligibility, String> {
    let form = "the body wants JSON such as {\"eligible\": false, \"deadline\": \"10m\", \
                \"reason\": \"…\"}";
    let value: Value = serde_json::from_slice(bytes).map_err(|err| format!("{form}: {err}"))?;
    let Value::Object(fields) = value else { return Err(form.to_owned()) };
    let node = NodeName::new(name);
    let mut wanted =
        SetEligibility { node, eligible: true, deadline: None, by, reason: String::new() };
    let mut is_said = false;
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("eligible", Value::Bool(eligible)) => {
                (wanted.eligible, is_said) = (eligible, true);
            }
            ("deadline" | "reason" | "by", Value::Null) => {}
            ("deadline", Value::String(text)) if text.is_empty() => {}
            ("deadline", Value::String(text)) => wanted.deadline = Some(deadline(&text)?),
            ("reason", Value::String(text)) => wanted.reason = short("reason", text)?,
            ("by", Value::String(text)) if text.is_empty() => {}
            ("by", Value::String(text)) => wanted.by = short("by", text)?,
            ("eligible", _) => return Err("eligible: it wants true or false".to_owned()),
            ("deadline" | "reason" | "by", _) => return Err(format!("{key}: it wants a text")),
            (other, _) => {
                return Err(format!(
                    "a node's eligibility has no {}, use \"eligible\", \"deadline\", \"reason\" \
                     or \"by\"",
                    shown(other)
                ));
            }
        }
    }
    match (is_said, wanted.eligible && wanted.deadline.is_some()) {
        (false, _) => Err(format!("eligible is missing: {form}")),
        (true, true) => Err("deadline: only a node that is drained has one".to_owned()),
        (true, false) => Ok(wanted),
    }
}

pub(super) fn short(key: &str, text: String) -> Result<String, String> {
    match text.len() > TEXT_BYTES {
        true => Err(format!("{key}: it is longer than {TEXT_BYTES} bytes")),
        false => Ok(text),
    }
}

/// A duration from now, or an instant.
fn deadline(text: &str) -> Result<Timestamp, String> {
    instant_or_span("deadline", text)
}

/// As the value of a field with that name.
pub(super) fn instant_or_span(key: &str, text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = instant::parse(text) {
        return Ok(at);
    }
    let span = span(text).map_err(|said| format!("{key}: {said}"))?;
    Ok(instant::now().after(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_become_of_a_node() {
        let read = |text: &str| wanted("n1", "me".to_owned(), text.as_bytes());
        let drained = read(r#"{"eligible": false, "deadline": "2030-01-02T03:04:05Z"}"#).unwrap();
        assert!(!drained.eligible && drained.by == "me");
        assert_eq!(instant::format(drained.deadline.unwrap(), 0), "2030-01-02T03:04:05Z");
        assert!(read(r#"{"eligible": false, "deadline": "10m"}"#).unwrap().deadline.is_some());
        let back = read(r#"{"eligible": true, "reason": "mended", "by": "you"}"#).unwrap();
        assert_eq!((back.reason.as_str(), back.by.as_str()), ("mended", "you"));
        for (text, said) in [
            ("", "the body wants JSON such as"),
            ("[]", "the body wants JSON such as"),
            ("{}", "eligible is missing"),
            (r#"{"eligible": "no"}"#, "eligible: it wants true or false"),
            (r#"{"eligible": false, "deadline": 5}"#, "deadline: it wants a text"),
            (r#"{"eligible": false, "deadline": "soon"}"#, "deadline: \"soon\" is no duration"),
            (r#"{"eligible": true, "deadline": "5m"}"#, "deadline: only a node that is drained"),
            (r#"{"eligible": true, "x": 1}"#, "a node's eligibility has no \"x\""),
        ] {
            let got = read(text).unwrap_err();
            assert!(got.starts_with(said), "{text}: {got}");
        }
    }
}
