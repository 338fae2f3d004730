//! Changes that wait for the store, one per key: the last one wins and is always written.
//!
//! Invariant: a key that was first put within this batch and that the store never held leaves
//! nothing behind when it is removed again; every other removal is written.

use std::collections::BTreeMap;
use std::ops::Bound;

use fjall::Slice;

use super::row::{Keyspace, Op};

/// What one row costs in memory besides its bytes, roughly.
const ROW_OVERHEAD: usize = 96;

#[derive(Default)]
pub(super) struct Batch {
    spaces: [BTreeMap<Slice, Row>; Keyspace::ALL.len()],
    rows: usize,
    bytes: usize,
    /// The last entry whose changes are in here.
    pub(super) upto: Option<u64>,
}

struct Row {
    value: Option<Slice>,
    fresh: bool,
}

impl Batch {
    pub(super) fn push(&mut self, op: Op) {
        let space = &mut self.spaces[usize::from(op.keyspace.code())];
        let key = Slice::from(op.key);
        let Some(row) = space.get_mut(&key) else {
            self.rows += 1;
            self.bytes += ROW_OVERHEAD + key.len() + op.value.as_ref().map_or(0, Vec::len);
            // A removal is never fresh: it has to reach the store.
            let fresh = op.fresh && op.value.is_some();
            space.insert(key, Row { value: op.value.map(Slice::from), fresh });
            return;
        };
        let before = row.value.as_ref().map_or(0, |value| value.len());
        match op.value {
            Some(value) => {
                self.bytes = self.bytes - before + value.len();
                row.value = Some(Slice::from(value));
            }
            None if row.fresh => {
                self.rows -= 1;
                self.bytes -= ROW_OVERHEAD + key.len() + before;
                space.remove(&key);
            }
            None => {
                self.bytes -= before;
                row.value = None;
            }
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The outer option tells whether this batch knows the key, the inner one whether it exists.
    pub(super) fn get(&self, keyspace: Keyspace, key: &[u8]) -> Option<Option<Slice>> {
        let row = self.spaces[usize::from(keyspace.code())].get(key)?;
        Some(row.value.clone())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Keyspace, &Slice, Option<&Slice>)> {
        Keyspace::ALL.iter().zip(&self.spaces).flat_map(|(keyspace, space)| {
            space.iter().map(|(key, row)| (*keyspace, key, row.value.as_ref()))
        })
    }

    /// Changes within bounds, in the order of the scan.
    pub(super) fn range<'a>(
        &'a self,
        keyspace: Keyspace,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        reverse: bool,
    ) -> Box<dyn Iterator<Item = (&'a Slice, Option<&'a Slice>)> + 'a> {
        let space = &self.spaces[usize::from(keyspace.code())];
        let rows = space.range::<[u8], _>(bounds).map(|(key, row)| (key, row.value.as_ref()));
        if reverse { Box::new(rows.rev()) } else { Box::new(rows) }
    }
}
