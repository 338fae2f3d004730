//! Sends one HTTP request per run; the response body is the output.
//!
//! Clients and their connections are shared by all runs with the same TLS settings. Proxies named
//! in the environment are not used.

mod client;
mod config;
mod failure;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::config_schema::{ConfigKey, ConfigKind, ConfigSchema};
use reqwest::{RequestBuilder, Response};

use crate::config::text;
use crate::executor::{BoxFuture, CancelToken, Executor, Outcome, Run};
use crate::output::OutputSink;

use client::ClientCache;
use config::{Expectations, PatternCache, Request};

/// What its configuration looks like.
pub const SCHEMA: ConfigSchema = ConfigSchema {
    name: "http",
    doc: "Sends an HTTP request; the response body is the output.",
    keys: &[
        ConfigKey::new("url", ConfigKind::Url, "Where the request goes.").required(),
        ConfigKey::new("method", ConfigKind::Text, "The request method, as `GET`.").required(),
        ConfigKey::new("headers", ConfigKind::JsonList, "A JSON array of `\"Name: value\"`.")
            .secret(),
        ConfigKey::new("body", ConfigKind::LongText, "The request body, with any method."),
        ConfigKey::new(
            "timeout",
            ConfigKind::Seconds,
            "Seconds for the whole request; 0 means no limit.",
        )
        .default("30"),
        ConfigKey::new(
            "expectCode",
            ConfigKind::IntegerList,
            "Status codes that mean success, as `200,206`; without it any status does.",
        ),
        ConfigKey::new(
            "expectBody",
            ConfigKind::Regex,
            "A regular expression that the response body must match somewhere.",
        ),
        ConfigKey::new(
            "debug",
            ConfigKind::Text,
            "Anything but nothing puts the configuration at the head of the output.",
        ),
        ConfigKey::new("tlsNoVerifyPeer", ConfigKind::Bool, "Accept any server certificate.")
            .default("false"),
        ConfigKey::new("tlsCertificateFile", ConfigKind::Path, "Client certificate (PEM)."),
        ConfigKey::new("tlsCertificateKeyFile", ConfigKind::Path, "Key of it (PEM)."),
        ConfigKey::new(
            "tlsRootCAsFile",
            ConfigKind::Path,
            "Root certificates to trust instead of the system's (PEM).",
        ),
    ],
};

/// Of a response body, the bytes that `expectBody` is held against.
const MATCHED_BYTES_MAX: usize = 4 << 20;

/// The executor `http`.
#[derive(Clone, Default)]
pub struct HttpExecutor {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    clients: ClientCache,
    patterns: PatternCache,
}

impl HttpExecutor {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Executor for HttpExecutor {
    fn name(&self) -> &'static str {
        SCHEMA.name
    }

    fn schema(&self) -> &'static ConfigSchema {
        &SCHEMA
    }

    fn run(&self, run: Run, out: OutputSink, cancel: CancelToken) -> BoxFuture<Outcome> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            tokio::select! {
                outcome = perform(&shared, &run, &out) => outcome,
                () = cancel.cancelled() => Outcome::cancelled("http: the run was cancelled"),
            }
        })
    }
}

async fn perform(shared: &Shared, run: &Run, out: &OutputSink) -> Outcome {
    match exchange(shared, run, out).await {
        Ok(()) => Outcome::success(),
        Err(outcome) => outcome,
    }
}

async fn exchange(shared: &Shared, run: &Run, out: &OutputSink) -> Result<(), Outcome> {
    let request = Request::read(run).map_err(Outcome::failed)?;
    let expectations = Expectations::read(&run.executor_config);
    if !text(&run.executor_config, "debug").is_empty() {
        out.write(config::describe(&run.executor_config).as_bytes());
    }
    let client = shared.clients.get(&run.executor_config).map_err(Outcome::failed)?;
    for warning in client.warnings.iter().chain(&request.warnings) {
        out.write(warning.as_bytes());
    }
    let mut builder = client
        .http
        .request(request.method.clone(), request.url.clone())
        .headers(request.headers.clone());
    if !request.body.is_empty() {
        builder = builder.body(request.body.clone());
    }
    if let Some(seconds) = request.timeout_seconds {
        builder = builder.timeout(Duration::from_secs(seconds));
    }
    let response = send(builder, &request).await?;
    let status = response.status().as_u16();
    let matched = read_body(response, out, &request, expectations.wants_body()).await?;

    if !expectations.accept_code(status) {
        let error = "received response code does not match the expected code";
        return Err(Outcome::failed(error));
    }
    if !expectations.accept_body(&matched, &shared.patterns) {
        let error = "received response body did not match the expected body";
        return Err(Outcome::failed(error));
    }
    Ok(())
}

async fn send(builder: RequestBuilder, request: &Request) -> Result<Response, Outcome> {
    builder.send().await.map_err(|err| failure::outcome(&err, request, failure::Phase::Headers))
}

/// Streams the body into the output; returns the part that an expectation may look at.
async fn read_body(
    mut response: Response,
    out: &OutputSink,
    request: &Request,
    keep: bool,
) -> Result<Vec<u8>, Outcome> {
    let mut kept = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                out.write(&chunk);
                if keep {
                    let room = MATCHED_BYTES_MAX - kept.len();
                    kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
            }
            Ok(None) => return Ok(kept),
            Err(err) => return Err(failure::outcome(&err, request, failure::Phase::Body)),
        }
    }
}

#[cfg(test)]
mod tests;
