//! What happened, in the order of the log: every server derives the same events with the same
//! places from the rows of each entry, so whoever read at one goes on at any other. Bounded by
//! bytes; a reader holds nothing but its place, so a slow one costs nothing and loses what is gone.

mod derive;
mod event;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dkron_core::domain::{LogIndex, Timestamp};
use dkron_core::ledger::RowOp;
use tokio::sync::watch;

use crate::reader::Index;
pub use event::{Ended, Happening, NoPlace, Place, Stamped, WORDS};

/// LIMIT: bytes of events that are kept.
const KEPT: usize = 64 * 1024 * 1024;
/// Events that one reading looks at, whoever wants few of them.
const LOOKED_AT: usize = 4096;

/// The rows of one entry end here.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub index: LogIndex,
    /// The proposer's clock.
    pub at: Timestamp,
    /// How many rows there are up to the end of this entry.
    pub rows: usize,
}

/// The events of one server.
pub struct Chronicle {
    kept: Mutex<Kept>,
    newest: watch::Sender<LogIndex>,
}

struct Kept {
    events: VecDeque<Arc<Stamped>>,
    bytes: usize,
    most: usize,
    /// What comes after this place is here.
    from: Place,
    /// The entry that was seen last.
    seen: LogIndex,
}

/// One look at what is there.
#[derive(Debug)]
pub enum Reading {
    /// What was wanted, and where to go on.
    Events { events: Vec<Arc<Stamped>>, next: Place, more: bool },
    /// The place is older than what is kept: what lies between is lost, go on here.
    Reset { next: Place },
}

impl Chronicle {
    /// Of a server that has applied the log up to `seen`.
    pub fn new(seen: LogIndex) -> Self {
        Chronicle::with_room(seen, KEPT)
    }

    fn with_room(seen: LogIndex, most: usize) -> Self {
        let from = Place::behind(seen);
        let kept = Kept { events: VecDeque::new(), bytes: 0, most, from, seen };
        Chronicle { kept: Mutex::new(kept), newest: watch::channel(seen).0 }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in entries whose rows the index has not seen yet, and shows them to the index.
    pub(crate) fn entries(&self, rows: Vec<RowOp>, marks: &[Mark], index: &mut Index) {
        let mut rows = rows.into_iter();
        let mut taken = 0;
        for mark in marks {
            let of_entry = rows.by_ref().take(mark.rows - taken);
            self.entry(mark, of_entry, index);
            taken = mark.rows;
        }
        let seen = self.kept().seen;
        self.newest.send_if_modified(|newest| std::mem::replace(newest, seen) != seen);
    }

    fn entry(&self, mark: &Mark, rows: impl Iterator<Item = RowOp>, index: &mut Index) {
        let mut happened = Vec::new();
        for row in rows {
            derive::of(&row, index, &mut happened);
            index.apply(row);
        }
        let mut kept = self.kept();
        for (ordinal, (job, what)) in (1..).zip(happened) {
            let place = Place { index: mark.index, ordinal };
            kept.push(Stamped { place, at: mark.at, job, what });
        }
        kept.seen = mark.index;
    }

    /// Another server's rows took the place of ours: what happened between is not known.
    pub(crate) fn jump(&self, seen: LogIndex) {
        let mut kept = self.kept();
        kept.events.clear();
        (kept.bytes, kept.from, kept.seen) = (0, Place::behind(seen), seen);
    }

    /// The place behind all that is known.
    pub fn end(&self) -> Place {
        Place::behind(self.kept().seen)
    }

    /// Changes whenever there may be something new.
    pub fn watch(&self) -> watch::Receiver<LogIndex> {
        self.newest.subscribe()
    }

    /// At most `most` events behind `place` that are wanted.
    pub fn after(&self, place: Place, most: usize, wanted: impl Fn(&Stamped) -> bool) -> Reading {
        let kept = self.kept();
        if place < kept.from {
            return Reading::Reset { next: Place::behind(kept.seen) };
        }
        let first = kept.events.partition_point(|event| event.place <= place);
        let mut events = Vec::new();
        let mut next = place;
        let mut more = false;
        for (looked_at, event) in kept.events.range(first..).enumerate() {
            if events.len() == most || looked_at == LOOKED_AT {
                more = true;
                break;
            }
            next = event.place;
            if wanted(event) {
                events.push(Arc::clone(event));
            }
        }
        if !more {
            next = next.max(Place::behind(kept.seen));
        }
        Reading::Events { events, next, more }
    }
}

impl Kept {
    fn push(&mut self, event: Stamped) {
        self.bytes += event.bytes();
        self.events.push_back(Arc::new(event));
        while self.bytes > self.most
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= oldest.bytes();
            self.from = oldest.place;
        }
    }
}
