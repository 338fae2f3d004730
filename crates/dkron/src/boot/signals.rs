//! Signals of the system: two of them end the node in order, one has its configuration read again.

use std::future::Future;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Comes when somebody wants the node to stop; meanwhile `reload` is called for each SIGHUP.
pub fn stop(mut reload: impl FnMut() + Send) -> anyhow::Result<impl Future<Output = ()>> {
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
                    reload();
                    continue;
                }
            };
            tracing::info!(signal = name, "agent: stopping");
            return;
        }
    })
}
