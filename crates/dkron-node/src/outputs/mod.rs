//! Outputs of executions: small ones travel in the report, large ones stand in the blob store, as
//! long as a row of the history refers to them.

mod changes;
mod keeper;
mod live;
mod ship;

use dkron_core::domain::{Digest, Output, limits};
use dkron_store::blob::{self, Blobs};

pub use changes::Teller;
pub use keeper::Keeper;
pub use live::{LiveOutput, LiveOutputs};
pub use ship::{Local, Shipper, inline};

/// Stores an output where its size belongs; it is durable when this returns. What the disk does
/// not take is cut to what the report can carry.
pub fn keep(blobs: &Blobs, bytes: Vec<u8>) -> Output {
    if bytes.len() <= limits::INLINE_OUTPUT {
        return inline(bytes);
    }
    let stored = blobs.put(&bytes).and_then(|digest| blobs.sync().map(|()| digest));
    match stored {
        Ok(digest) => Output::Stored { digest: Digest(digest.0), len: bytes.len() as u64 },
        Err(err) => {
            tracing::error!(reason = err.chain(), "an output could not be stored: its tail stays");
            inline(bytes)
        }
    }
}

/// The bytes of an output; a text that says so where they are missing.
pub fn read(blobs: &Blobs, output: &Output) -> Vec<u8> {
    match output {
        Output::Empty => Vec::new(),
        Output::Inline(bytes) => bytes.to_vec(),
        Output::Stored { digest, .. } => match blobs.get(&blob::Digest(digest.0)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => b"[... output is not stored any more ...]\n".to_vec(),
            Err(err) => format!("[... output cannot be read: {} ...]\n", err.chain()).into_bytes(),
        },
    }
}
