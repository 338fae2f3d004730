//! A consistent read view of all rows, as chunks for another server. Nothing waits for it: the
//! engine keeps what the view still shows.

use std::ops::Bound;
use std::sync::Arc;

use fjall::Snapshot;

use super::chunk::{self, Filling, Totals};
use super::engine::Engine;
use super::{Keyspace, Shared, State};
use crate::Error;

/// An iterator over chunks; the last one counts all others. The first error ends it.
pub struct View {
    shared: Arc<Shared>,
    snapshot: Snapshot,
    /// Of the engine that the snapshot belongs to.
    engine: u64,
    applied: Option<u64>,
    place: Place,
    totals: Totals,
}

/// Where the next chunk begins.
enum Place {
    /// Behind that key of the keyspace with this number, or at its beginning.
    Rows(usize, Option<Vec<u8>>),
    End,
    Over,
}

impl State {
    /// Everything that is in the store, up to the end of some entry. What waits for the row writer
    /// is not waited for: the log holds it at least until it is synced.
    pub fn view(&self) -> Result<View, Error> {
        self.shared.with_engine(|engine| {
            let snapshot = engine.snapshot();
            let applied = engine.applied_in(&snapshot)?;
            Ok(View {
                shared: Arc::clone(&self.shared),
                snapshot,
                engine: engine.number(),
                applied,
                place: Place::Rows(0, None),
                totals: Totals::default(),
            })
        })
    }
}

impl View {
    /// The entry up to which the rows go; none before the first.
    pub fn applied_index(&self) -> Option<u64> {
        self.applied
    }

    /// One row, as the view shows it.
    pub fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.with_engine(|engine| engine.get_in(&self.snapshot, keyspace, key))
            .map(|value| value.map(|value| value.to_vec()))
    }

    fn with_engine<T>(&self, work: impl FnOnce(&Engine) -> Result<T, Error>) -> Result<T, Error> {
        self.shared.with_engine(|engine| {
            if engine.number() != self.engine {
                let reason = "the rows were opened anew meanwhile".into();
                return Err(Error::Stopped { what: "a view of the state", reason });
            }
            work(engine)
        })
    }

    fn rows(&mut self, mut number: usize, mut after: Option<Vec<u8>>) -> Result<Vec<u8>, Error> {
        let mut filling = Filling::new();
        while let Some(keyspace) = Keyspace::ALL.get(number).copied().filter(|_| filling.has_room())
        {
            let low = after.take().map_or(Bound::Unbounded, Bound::Excluded);
            let bounds = (low, Bound::Unbounded);
            let last = self.with_engine(|engine| {
                let mut last = None;
                for row in engine.range(&self.snapshot, keyspace, bounds, false) {
                    let (key, value) = row?;
                    if !filling.fits(&key, &value) {
                        return Ok(Some(last));
                    }
                    filling.push(keyspace, &key, &value);
                    last = Some(key.to_vec());
                }
                Ok(None)
            })?;
            match last {
                // Nothing more fits; where nothing of this keyspace did, it begins anew.
                Some(last) => {
                    after = last;
                    break;
                }
                None => number += 1,
            }
        }
        let over = number >= Keyspace::ALL.len();
        self.place = if over { Place::End } else { Place::Rows(number, after) };
        if filling.is_empty() {
            return Ok(self.end());
        }
        Ok(filling.seal(&mut self.totals))
    }

    fn end(&mut self) -> Vec<u8> {
        self.place = Place::Over;
        chunk::end(self.applied.unwrap_or(0), &mut self.totals)
    }
}

impl Iterator for View {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match std::mem::replace(&mut self.place, Place::Over) {
            Place::Rows(number, after) => Some(self.rows(number, after)),
            Place::End => Some(Ok(self.end())),
            Place::Over => None,
        }
    }
}
