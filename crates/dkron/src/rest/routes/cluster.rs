//! Members, leadership, leaving, and the pause of submissions.

use axum::http::StatusCode;
use serde_json::json;

use super::counted;
use crate::rest::Call;
use crate::rest::dto::{ListedMember, MemberDto, PausedDto};
use crate::rest::respond::{self, Answer};

pub async fn members(call: &Call<'_>) -> Answer {
    match call.app.service.members().await {
        Ok(members) => {
            let shown: Vec<ListedMember<'_>> = members.iter().map(ListedMember::from).collect();
            counted(call.ok(&shown), members.len())
        }
        Err(err) => respond::error(&err),
    }
}

pub async fn leader(call: &Call<'_>) -> Answer {
    match call.app.service.leader().await {
        Ok(Some(leader)) => call.ok(&MemberDto::from(&leader)),
        Ok(None) => {
            let said = json!({ "error": "no leader, try again later" });
            respond::later(call.json(StatusCode::SERVICE_UNAVAILABLE, &said))
        }
        Err(err) => respond::error(&err),
    }
}

/// Load balancers go by the status.
pub async fn is_leader(call: &Call<'_>) -> Answer {
    match call.app.service.leader().await {
        Ok(Some(leader)) if leader.name.as_str() == call.app.node => call.ok("I am a leader"),
        Ok(_) => call.json(StatusCode::NOT_FOUND, "I am a follower"),
        Err(err) => respond::error(&err),
    }
}

pub async fn leave(call: &Call<'_>) -> Answer {
    match call.app.service.leave().await {
        Ok(members) => {
            let shown: Vec<MemberDto<'_>> = members.iter().map(MemberDto::from).collect();
            call.ok(&shown)
        }
        Err(err) => respond::error(&err),
    }
}

pub async fn paused(call: &Call<'_>) -> Answer {
    match call.app.service.paused().await {
        Ok(paused) => call.ok(&PausedDto { paused }),
        Err(err) => respond::error(&err),
    }
}

pub async fn pause(call: &Call<'_>, paused: bool) -> Answer {
    match call.service.pause(paused).await {
        Ok(paused) => call.ok(&PausedDto { paused }),
        Err(err) => respond::error(&err),
    }
}
