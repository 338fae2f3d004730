//! Two sorted streams made one: what waits for the store hides what the store holds.

use std::iter::Peekable;
use std::ops::Bound;

use fjall::Slice;

use crate::Error;

/// Key and value.
pub type Row = (Vec<u8>, Vec<u8>);
/// A change that hides the stored row; none is a removal.
pub(super) type Change = (Slice, Option<Slice>);

pub(super) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Which rows a scan gives, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// Only keys that begin with this.
    pub prefix: &'a [u8],
    /// Only keys behind this one in the direction of the scan, to go on where a page ended.
    pub after: Option<&'a [u8]>,
    /// At most this many rows.
    pub limit: usize,
    /// From the highest key down.
    pub reverse: bool,
}

impl<'a> Scan<'a> {
    pub fn prefix(prefix: &'a [u8], limit: usize) -> Scan<'a> {
        Scan { prefix, after: None, limit, reverse: false }
    }

    pub fn after(self, after: Option<&'a [u8]>) -> Scan<'a> {
        Scan { after, ..self }
    }

    pub fn reverse(self) -> Scan<'a> {
        Scan { reverse: true, ..self }
    }

    /// None if no key can lie within them.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        let mut low = Bound::Included(self.prefix.to_vec());
        let mut high = end_of_prefix(self.prefix);
        match self.after {
            Some(after) if self.reverse => {
                if after <= self.prefix {
                    return None;
                }
                let inside = match &high {
                    Bound::Excluded(end) => after < end.as_slice(),
                    _ => true,
                };
                if inside {
                    high = Bound::Excluded(after.to_vec());
                }
            }
            Some(after) if after >= self.prefix => {
                if let Bound::Excluded(end) = &high
                    && after >= end.as_slice()
                {
                    return None;
                }
                low = Bound::Excluded(after.to_vec());
            }
            _ => {}
        }
        Some((low, high))
    }
}

fn end_of_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

pub(super) fn as_slices(bounds: &Bounds) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (bounds.0.as_ref().map(Vec::as_slice), bounds.1.as_ref().map(Vec::as_slice))
}

/// Merges two streams of changes; on equal keys the first one wins.
pub(super) fn changes<'a>(
    newer: impl Iterator<Item = (&'a Slice, Option<&'a Slice>)>,
    older: impl Iterator<Item = (&'a Slice, Option<&'a Slice>)>,
    scan: &Scan<'_>,
) -> Vec<Change> {
    let (mut newer, mut older) = (newer.peekable(), older.peekable());
    let mut merged = Vec::new();
    let mut living = 0;
    // With `limit` living rows in hand no key behind them can be asked for.
    while living < scan.limit {
        let take_newer = match (newer.peek(), older.peek()) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((a, _)), Some((b, _))) => {
                if a == b {
                    older.next();
                    continue;
                }
                (a < b) != scan.reverse
            }
        };
        let next = if take_newer { newer.next() } else { older.next() };
        let Some((key, value)) = next else { break };
        living += usize::from(value.is_some());
        merged.push((key.clone(), value.cloned()));
    }
    merged
}

/// The rows that result when changes lie over stored rows.
pub(super) struct Merged<S: Iterator, C: Iterator> {
    pub(super) stored: Peekable<S>,
    pub(super) changes: Peekable<C>,
    pub(super) reverse: bool,
}

impl<S, C> Iterator for Merged<S, C>
where
    S: Iterator<Item = Result<(Slice, Slice), Error>>,
    C: Iterator<Item = Change>,
{
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let stored_first = match (self.stored.peek(), self.changes.peek()) {
                (None, None) => return None,
                (Some(Err(_)), _) | (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(Ok((stored, _))), Some((changed, _))) => {
                    if stored == changed {
                        self.stored.next();
                        continue;
                    }
                    (stored < changed) != self.reverse
                }
            };
            if stored_first {
                let row = self.stored.next()?;
                return Some(row.map(|(key, value)| (key.to_vec(), value.to_vec())));
            }
            if let (key, Some(value)) = self.changes.next()? {
                return Some(Ok((key.to_vec(), value.to_vec())));
            }
        }
    }
}
