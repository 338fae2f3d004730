//! The ledger's rows in the store: mapping, marker, and the way back at start and after a snapshot
//! of another server.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use dkron_core::domain::LogIndex;
use dkron_core::ledger::{Ledger, Loader, RowOp};
use dkron_raft::{Parcel, StateHandle, View};
use dkron_store::state::{Keyspace, Op, State};
use dkron_wire::Table;
use tokio::sync::{mpsc, oneshot};

use crate::error::Error;
use crate::event::Event;
use crate::reader::{Around, Index};
use crate::snapshot::{self, Installed, SnapshotRows};
use crate::versions;

/// Where the scheduling thread leaves the rows of applied entries.
pub trait RowStore: Send + Sync + 'static {
    /// As `State::push`.
    fn push(&self, index: u64, ops: Vec<Op>) -> Result<(), dkron_store::Error>;
    /// Rows that wait for the store.
    fn pending_len(&self) -> usize;
    /// The store on disk, for whoever reads it beside; a model has none.
    fn on_disk(self: Arc<Self>) -> Option<Arc<State>>;
}

impl RowStore for State {
    fn push(&self, index: u64, ops: Vec<Op>) -> Result<(), dkron_store::Error> {
        State::push(self, index, ops)
    }

    fn pending_len(&self) -> usize {
        State::pending_len(self)
    }

    fn on_disk(self: Arc<Self>) -> Option<Arc<State>> {
        Some(self)
    }
}

/// Where consensus keeps its marker; the ledger's own single rows have small codes.
pub const MARKER: [u8; 1] = [0xff];

/// The store's keyspace of a table: the codes are the same by agreement, checked by a test.
pub fn keyspace(table: Table) -> Keyspace {
    Keyspace::from_code(table.code()).expect("every table has a keyspace of its code")
}

/// A change as the store takes it.
pub fn op(change: &RowOp) -> Op {
    let change = dkron_wire::row::change(change);
    let (keyspace, fresh) = (keyspace(change.table), change.fresh);
    Op { keyspace, key: change.key, value: change.value, fresh }
}

/// The marker that belongs to the same entries as the rows beside it.
pub fn marker(bytes: &Bytes) -> Op {
    Op::put(Keyspace::Meta, MARKER, bytes.to_vec())
}

/// The ledger as the store holds it.
pub fn load(state: &State) -> Result<Ledger, Error> {
    let applied = LogIndex(state.applied_index().unwrap_or(0));
    let mut loader = Loader::new(applied);
    for table in Table::ALL.into_iter().filter(|table| table.is_working_set()) {
        state.for_each(keyspace(table), |key, value| {
            if table != Table::Meta || key != MARKER {
                loader.take(dkron_wire::row::decode(table, key, value)?);
            }
            Ok::<(), Error>(())
        })?;
    }
    loader.finish().and_then(versions::refuse).map_err(Error::Load)
}

/// The marker of consensus beside the newest rows.
pub fn stored_marker(state: &State) -> io::Result<Option<Bytes>> {
    let stored = state.get(Keyspace::Meta, &MARKER).map_err(io::Error::other)?;
    Ok(stored.map(Bytes::from))
}

/// What consensus asks of the store.
pub struct Markers {
    pub state: Arc<State>,
    /// Of the scheduling thread, which owns the ledger.
    pub events: mpsc::UnboundedSender<Event>,
    /// For a new index.
    pub around: Around,
}

impl StateHandle for Markers {
    fn marker(&self) -> io::Result<Option<Bytes>> {
        stored_marker(&self.state)
    }

    fn sync(&self) -> io::Result<Option<Bytes>> {
        // Read first: what was pushed by now is durable after the sync.
        let marker = self.marker()?;
        self.state.sync().map_err(io::Error::other)?;
        Ok(marker)
    }

    fn view(&self) -> io::Result<View> {
        let view = self.state.view().map_err(io::Error::other)?;
        // Of the same batch as the newest rows of the view.
        let marker = view.get(Keyspace::Meta, &MARKER).map_err(io::Error::other)?;
        Ok(View { marker: marker.map(Bytes::from), rows: SnapshotRows::new(view).parcel() })
    }

    /// No batch is under way, and none is handed over before this returns: the scheduling thread
    /// has the new ledger by then.
    fn install(&self, marker: Bytes, rows: Parcel) -> io::Result<()> {
        let staged = snapshot::staged(rows)?;
        if dkron_raft::applied_index(&marker)? != Some(staged.applied_index()) {
            return Err(io::Error::other("the snapshot's rows and its marker do not match"));
        }
        let row = self::marker(&marker);
        self.state.install(staged, vec![row]).map_err(io::Error::other)?;
        let ledger = load(&self.state).map_err(io::Error::other)?;
        let index = Index::new(&ledger, self.around.clone());
        let applied = ledger.applied();
        let (done, taken) = oneshot::channel();
        let gone = || io::Error::other("the scheduling thread has ended");
        let event = Event::Installed(Box::new(Installed { ledger, index, done }));
        self.events.send(event).map_err(|_| gone())?;
        taken.blocking_recv().map_err(|_| gone())?;
        tracing::info!(index = applied.0, "a snapshot of the leader took the place of all rows");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_keyspace() {
        for table in Table::ALL {
            assert_eq!(keyspace(table).code(), table.code());
        }
    }
}
