//! The ledger's rows in the store: mapping, marker, and the way back at start.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use dkron_core::domain::LogIndex;
use dkron_core::ledger::{Ledger, Loader, RowOp};
use dkron_raft::StateHandle;
use dkron_store::state::{Keyspace, Op, State};
use dkron_wire::Table;

use crate::error::Error;

/// Where consensus keeps its marker; the ledger's own single rows have small codes.
const MARKER: [u8; 1] = [0xff];

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
    loader.finish().map_err(Error::Load)
}

/// What consensus asks of the store.
pub struct Markers(pub Arc<State>);

impl Markers {
    fn read(&self) -> io::Result<Option<Bytes>> {
        let stored = self.0.get(Keyspace::Meta, &MARKER).map_err(io::Error::other)?;
        Ok(stored.map(Bytes::from))
    }
}

impl StateHandle for Markers {
    fn marker(&self) -> io::Result<Option<Bytes>> {
        self.read()
    }

    fn sync(&self) -> io::Result<Option<Bytes>> {
        // Read first: what was pushed by now is durable after the sync.
        let marker = self.read()?;
        self.0.sync().map_err(io::Error::other)?;
        Ok(marker)
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
