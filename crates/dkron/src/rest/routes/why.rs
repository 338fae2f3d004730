//! Why a job did or did not run at an instant.

use axum::http::StatusCode;
use dkron_core::domain::JobName;

use crate::rest::dto::WhyDto;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, instant};

pub async fn why(call: &Call<'_>, name: JobName) -> Answer {
    let text = call.query.get("at").unwrap_or("");
    let at = match instant::parse(text) {
        Ok(at) => at,
        Err(_) if text.is_empty() => {
            let said = "at: at which instant? it wants one such as 2026-03-10T02:30:00Z";
            return respond::text(StatusCode::BAD_REQUEST, said);
        }
        Err(err) => return respond::text(StatusCode::BAD_REQUEST, format!("at: {err}")),
    };
    match call.app.service.why(name, at).await {
        Ok(view) => call.ok(&WhyDto::new(at, &view)),
        Err(err) => respond::error(&err),
    }
}
