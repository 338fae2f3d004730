//! What the whole cluster agrees on: shown, replaced, changed in part.

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use dkron_core::domain::Settings;
use dkron_node::service::Error;
use tokio::sync::Mutex;

use crate::rest::dto::SettingsDto;
use crate::rest::respond::{self, Answer};
use crate::rest::{Call, body, decode};

const BODY_BYTES: usize = 64 * 1024;
/// A change in part reads before it writes: one after the other, or one would undo the other.
static CHANGING: Mutex<()> = Mutex::const_new(());

pub async fn show(call: &Call<'_>) -> Answer {
    match call.app.service.settings().await {
        Ok(settings) => call.ok(&SettingsDto::from(&settings)),
        Err(err) => respond::error(&err),
    }
}

/// PUT replaces all of them, PATCH those that the body names.
pub async fn change(call: &Call<'_>, request: Request) -> Answer {
    let whole = *request.method() == Method::PUT;
    let too_large = "the body is larger than 64 KiB, settings are a few short texts";
    let bytes = match body::read(request.into_body(), BODY_BYTES, too_large).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let _turn = CHANGING.lock().await;
    let wanted = match whole {
        true => decode::whole_settings(&bytes),
        false => match call.app.service.settings().await {
            Ok(now) => decode::patched_settings(now, &bytes),
            Err(err) => return respond::error(&err),
        },
    };
    match wanted {
        Ok(wanted) => store(call, wanted).await,
        Err(said) => respond::text(StatusCode::BAD_REQUEST, said),
    }
}

async fn store(call: &Call<'_>, wanted: Settings) -> Answer {
    match call.service.put_settings(wanted).await {
        Ok(settings) => call.ok(&SettingsDto::from(&settings)),
        Err(Error::Invalid(said)) => respond::text(StatusCode::BAD_REQUEST, said),
        Err(err) => respond::error(&err),
    }
}
