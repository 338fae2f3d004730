//! Signals of the system: two of them end the node in order, one will reload it.

use std::future::Future;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Comes when somebody wants the node to stop.
pub fn stop() -> anyhow::Result<impl Future<Output = ()>> {
    let open = |kind| signal(kind).context("failed to listen for signals");
    let mut terminate = open(SignalKind::terminate())?;
    let mut interrupt = open(SignalKind::interrupt())?;
    let mut hangup = open(SignalKind::hangup())?;
    Ok(async move {
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                _ = hangup.recv() => {
                    tracing::warn!("agent: SIGHUP is ignored, there is no reloading yet");
                    continue;
                }
            };
            tracing::info!(signal = name, "agent: stopping");
            return;
        }
    })
}
