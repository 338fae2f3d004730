//! A record of a node's journal.
//!
//! ```text
//!   format u8 | kind u16 | kind_version u8 | body (postcard)
//! ```
//!
//! Where a record stands, and whether it is whole, the file knows.

use dkron_core::worker::JournalRecord;

use crate::body;
use crate::envelope::{open, start};
use crate::error::Error;
use crate::kind::{Family, Kind};
use crate::word::Word;

/// Room for most records, so that the buffer seldom grows.
const ROOM: usize = 64;

/// A record as bytes.
pub fn encode_journal(record: &JournalRecord) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ROOM);
    start(&mut bytes, kind_of(record));
    match record {
        JournalRecord::Accepted { seq, terms } => body::write(bytes, &(seq.form(), terms.form())),
        JournalRecord::Started { seq, at, process } => {
            body::write(bytes, &(seq.form(), at.form(), process.form()))
        }
        JournalRecord::Finished { seq, finish } => body::write(bytes, &(seq.form(), finish.form())),
        JournalRecord::Forgotten { seq } => body::write(bytes, &seq.form()),
        JournalRecord::Ending { seq, reason } => body::write(bytes, &(seq.form(), reason.form())),
    }
}

/// The record that `encode_journal` wrote. An error means that the node must not go on: it may
/// have promised something that it can't read any more.
pub fn decode_journal(bytes: &[u8]) -> Result<JournalRecord, Error> {
    let (kind, rest) = open(Family::Journal, bytes)?;
    Ok(match kind {
        Kind::Accepted => {
            let (seq, terms) = body::read(kind, rest)?;
            JournalRecord::Accepted { seq, terms }
        }
        Kind::Started => {
            let (seq, at, process) = body::read(kind, rest)?;
            JournalRecord::Started { seq, at, process }
        }
        Kind::Finished => {
            let (seq, finish) = body::read(kind, rest)?;
            JournalRecord::Finished { seq, finish }
        }
        Kind::Forgotten => JournalRecord::Forgotten { seq: body::read(kind, rest)? },
        Kind::Ending => {
            let (seq, reason) = body::read(kind, rest)?;
            JournalRecord::Ending { seq, reason }
        }
        other => return Err(other.unknown()),
    })
}

/// The number of a record.
pub const fn kind_of(record: &JournalRecord) -> Kind {
    match record {
        JournalRecord::Accepted { .. } => Kind::Accepted,
        JournalRecord::Started { .. } => Kind::Started,
        JournalRecord::Finished { .. } => Kind::Finished,
        JournalRecord::Forgotten { .. } => Kind::Forgotten,
        JournalRecord::Ending { .. } => Kind::Ending,
    }
}
