//! Where a finished output that is too large for its report goes.

use std::sync::Arc;

use dkron_core::domain::{Output, limits};
use dkron_exec::BoxFuture;
use dkron_store::blob::Blobs;

/// Stores an output, wherever that is; what comes back stands in the report.
pub trait Shipper: Send + Sync {
    /// Durable when it is ready, or cut to what the report can carry.
    fn ship(&self, bytes: Vec<u8>) -> BoxFuture<Output>;
}

/// Into the blob store beside it.
pub struct Local(pub Arc<Blobs>);

impl Shipper for Local {
    fn ship(&self, bytes: Vec<u8>) -> BoxFuture<Output> {
        let blobs = Arc::clone(&self.0);
        Box::pin(async move {
            let kept = tokio::task::spawn_blocking(move || super::keep(&blobs, bytes)).await;
            kept.unwrap_or_default()
        })
    }
}

/// Small outputs travel in the report, and what could not be stored with its tail.
pub fn inline(bytes: Vec<u8>) -> Output {
    match bytes.len() {
        0 => Output::Empty,
        len => Output::Inline(Arc::from(&bytes[len.saturating_sub(limits::INLINE_OUTPUT)..])),
    }
}
