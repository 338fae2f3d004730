//! Snapshots between servers: chunks of a view on their way out, chunks that come in, and the
//! ledger that takes over once they are installed.
//!
//! ```text
//!   Markers::view ─► SnapshotRows ─► frames ─► receive ─► Markers::install ─► Event::Installed
//! ```
//!
//! What comes in is received whole beside the own rows first: a way that breaks costs nothing, and
//! consensus waits for the swap alone.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use dkron_core::ledger::Ledger;
use dkron_raft::Parcel;
use dkron_store::state::{Received, Staged, State, View};
use tokio::sync::{mpsc, oneshot};

use crate::reader::Index;
use crate::rpc::CallError;

/// The chunks of a view, for another server; what a [`Parcel`] of `Markers::view` holds.
pub struct SnapshotRows(View);

/// What the scheduling thread goes on with once rows of another server were installed.
pub struct Installed {
    pub ledger: Ledger,
    pub index: Index,
    /// Answered when the old ledger is gone: entries that follow are applied to the new one.
    pub done: oneshot::Sender<()>,
}

impl SnapshotRows {
    pub fn new(view: View) -> SnapshotRows {
        SnapshotRows(view)
    }

    pub fn parcel(self) -> Parcel {
        Parcel(Some(Box::new(self)))
    }

    /// Out of a parcel of this store.
    pub fn of(parcel: Parcel) -> io::Result<SnapshotRows> {
        unpack(parcel)
    }

    /// Sends all chunks as frames, reading ahead as far as the channel lets it. Ends with an error
    /// when the rows can not be read, and quietly when nobody receives any more.
    pub async fn send(self, to: mpsc::Sender<Bytes>) -> io::Result<()> {
        blocking(move || {
            for chunk in self.0 {
                let chunk = chunk.map_err(io::Error::other)?;
                if to.blocking_send(Bytes::from(chunk)).is_err() {
                    return Ok(());
                }
            }
            Ok(())
        })
        .await
    }
}

/// Receives all chunks of a snapshot beside the own rows. The parcel is for
/// `dkron_raft::Handle::install`; dropping it removes what was received. An error leaves the own
/// rows as they are, and the sender begins anew.
pub async fn receive(
    state: Arc<State>,
    mut frames: mpsc::Receiver<Result<Bytes, CallError>>,
) -> io::Result<Parcel> {
    let staged = blocking(move || {
        let mut staging = state.stage().map_err(io::Error::other)?;
        while let Some(frame) = frames.blocking_recv() {
            let frame = frame.map_err(io::Error::other)?;
            match staging.take(&frame).map_err(io::Error::other)? {
                Received::More(more) => staging = more,
                Received::Whole(staged) => return Ok(staged),
            }
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the snapshot ended before its end"))
    });
    Ok(Parcel(Some(Box::new(staged.await?))))
}

/// What `receive` put into a parcel.
pub fn staged(parcel: Parcel) -> io::Result<Staged> {
    unpack(parcel)
}

fn unpack<T: 'static>(parcel: Parcel) -> io::Result<T> {
    let content = parcel.0.and_then(|content| content.downcast::<T>().ok());
    let foreign = || io::Error::new(io::ErrorKind::InvalidInput, "the parcel holds something else");
    content.map(|content| *content).ok_or_else(foreign)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
