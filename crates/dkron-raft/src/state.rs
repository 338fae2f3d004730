//! The seam to the owner of the ledger: committed entries out, the marker of what was stored in.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::codec;
use crate::state_machine::blocking;
use crate::transport::BoxFuture;

/// A committed entry that carries content; blanks and memberships are handled inside.
#[derive(Debug, Clone)]
pub struct AppliedEntry {
    pub index: u64,
    pub bytes: Bytes,
}

/// Consecutive committed entries. `entries` may be empty: then only the marker moves.
#[derive(Debug)]
pub struct ApplyBatch {
    pub entries: Vec<AppliedEntry>,
    /// Everything up to this index is decided with this batch, also where no entry is listed.
    pub last_index: u64,
    /// Opaque. Must be stored in the same write as the rows of these entries, replacing the
    /// former marker: it is where the log is replayed from after a restart.
    pub marker: Bytes,
    /// Answered once the entries are applied to the ledger (not: once their rows are stored).
    /// Dropping it stops this replica.
    pub done: oneshot::Sender<()>,
}

/// Rows of a snapshot under way; what is inside is between the store and the transport.
pub struct Parcel(pub Option<Box<dyn Any + Send>>);

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parcel({})", if self.0.is_some() { "rows" } else { "empty" })
    }
}

/// A consistent read view: the marker within it and the rows that belong to it.
#[derive(Debug)]
pub struct View {
    pub marker: Option<Bytes>,
    pub rows: Parcel,
}

/// Up to which index a stored marker says that the rows go; none before the first entry.
pub fn applied_index(marker: &[u8]) -> io::Result<Option<u64>> {
    let marker = codec::read_marker(marker).map_err(io::Error::other)?;
    Ok(marker.applied.map(|id| id.index))
}

/// What consensus asks of the stored state. All calls may block; those that sync or open views
/// are made from a thread that may.
pub trait StateHandle: Send + Sync + 'static {
    /// The newest stored marker; asked at start, before the first batch.
    fn marker(&self) -> io::Result<Option<Bytes>>;

    /// Makes the rows durable and returns the marker that is durable with them. Rows that wait
    /// in a buffer are written first, as far as their batches were answered.
    fn sync(&self) -> io::Result<Option<Bytes>>;

    /// A view for a server that lags behind the log. A store without views sends none: the
    /// default serves a cluster of one.
    fn view(&self) -> io::Result<View> {
        Ok(View { marker: self.sync()?, rows: Parcel(None) })
    }

    /// Replaces all rows by those received, marker included.
    fn install(&self, marker: Bytes, rows: Parcel) -> io::Result<()> {
        drop((marker, rows));
        Err(io::Error::new(io::ErrorKind::Unsupported, "this state cannot install a snapshot"))
    }

    /// The same without blocking whoever waits for it.
    fn replace(self: Arc<Self>, marker: Bytes, rows: Parcel) -> BoxFuture<io::Result<()>> {
        Box::pin(blocking(move || self.install(marker, rows)))
    }
}
