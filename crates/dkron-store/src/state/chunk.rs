//! Rows on their way to another server: chunks that each bear a checksum, and an end that counts
//! them.
//!
//! ```text
//!   chunk = format u8 | kind u8 | number u32 | body | crc32 u32        numbers little-endian
//!   body  = rows: (keyspace u8 | key length u16 | value length u32 | key | value)*
//!         | end:  applied u64 | rows u64 | blake3 of all bodies of rows
//! ```

use std::path::Path;

use super::row::{Keyspace, Op};
use crate::Error;

const FORMAT: u8 = 1;
const HEAD: usize = 6;
const SUM: usize = 4;
/// LIMIT: a chunk takes no further row beyond this; a larger row has a chunk of its own.
pub(super) const BODY_BYTES: usize = 256 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rows = 0,
    End = 1,
}

/// What both sides count.
#[derive(Default)]
pub(super) struct Totals {
    chunks: u32,
    rows: u64,
    /// Boxed: it is two thousand bytes large.
    hash: Box<blake3::Hasher>,
}

/// A chunk that is being filled.
pub(super) struct Filling {
    bytes: Vec<u8>,
    rows: u64,
}

impl Filling {
    pub(super) fn new() -> Filling {
        // Head and number are written when it is sealed.
        Filling { bytes: vec![0; HEAD], rows: 0 }
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() < HEAD + BODY_BYTES
    }

    /// Whether the row would still lie within the limit, or is the first.
    pub(super) fn fits(&self, key: &[u8], value: &[u8]) -> bool {
        self.rows == 0 || self.bytes.len() + 7 + key.len() + value.len() <= HEAD + BODY_BYTES
    }

    pub(super) fn push(&mut self, keyspace: Keyspace, key: &[u8], value: &[u8]) {
        let key_len = u16::try_from(key.len()).expect("keys are limited when they are pushed");
        let value_len = u32::try_from(value.len()).expect("values are parts of entries");
        self.bytes.push(keyspace.code());
        self.bytes.extend_from_slice(&key_len.to_le_bytes());
        self.bytes.extend_from_slice(&value_len.to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.rows += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub(super) fn seal(self, totals: &mut Totals) -> Vec<u8> {
        totals.rows += self.rows;
        totals.hash.update(&self.bytes[HEAD..]);
        sealed(self.bytes, Kind::Rows, totals)
    }
}

/// The last chunk: up to which entry the rows go, and how many there were.
pub(super) fn end(applied: u64, totals: &mut Totals) -> Vec<u8> {
    let mut bytes = vec![0; HEAD];
    bytes.extend_from_slice(&applied.to_le_bytes());
    bytes.extend_from_slice(&totals.rows.to_le_bytes());
    bytes.extend_from_slice(totals.hash.finalize().as_bytes());
    sealed(bytes, Kind::End, totals)
}

fn sealed(mut bytes: Vec<u8>, kind: Kind, totals: &mut Totals) -> Vec<u8> {
    (bytes[0], bytes[1]) = (FORMAT, kind as u8);
    bytes[2..HEAD].copy_from_slice(&totals.chunks.to_le_bytes());
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    totals.chunks += 1;
    bytes
}

/// What a received chunk holds.
pub(super) enum Chunk {
    Rows(Vec<Op>),
    /// All rows are there; they go up to this entry.
    End {
        applied: u64,
    },
}

/// Reads the next chunk. `path` is where its rows go, for the text of an error.
pub(super) fn read(bytes: &[u8], totals: &mut Totals, path: &Path) -> Result<Chunk, Error> {
    let damaged = || Error::DamagedRecord { name: "chunk of a snapshot", path: path.to_path_buf() };
    let (checked, sum) = bytes.split_last_chunk::<SUM>().ok_or_else(damaged)?;
    if crc32fast::hash(checked).to_le_bytes() != *sum || checked.len() < HEAD {
        return Err(damaged());
    }
    let (head, body) = checked.split_at(HEAD);
    let number = u32::from_le_bytes([head[2], head[3], head[4], head[5]]);
    if head[0] != FORMAT {
        let reason = format!("format {}, this version reads {FORMAT}", head[0]);
        return Err(Error::Stopped { what: "the receipt of a snapshot", reason });
    }
    if number != totals.chunks {
        let (index, expected) = (u64::from(number), u64::from(totals.chunks));
        return Err(Error::Order { what: "chunk of a snapshot", index, expected });
    }
    totals.chunks += 1;
    match head[1] {
        kind if kind == Kind::Rows as u8 => {
            let rows = rows(body).ok_or_else(damaged)?;
            totals.rows += rows.len() as u64;
            totals.hash.update(body);
            Ok(Chunk::Rows(rows))
        }
        kind if kind == Kind::End as u8 => {
            let (applied, rest) = body.split_first_chunk::<8>().ok_or_else(damaged)?;
            let (rows, hash) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
            let whole = u64::from_le_bytes(*rows) == totals.rows
                && *hash == totals.hash.finalize().as_bytes()[..];
            if !whole {
                return Err(damaged());
            }
            Ok(Chunk::End { applied: u64::from_le_bytes(*applied) })
        }
        _ => Err(damaged()),
    }
}

fn rows(mut body: &[u8]) -> Option<Vec<Op>> {
    let mut rows = Vec::new();
    while let Some((code, rest)) = body.split_first() {
        let (key_len, rest) = rest.split_first_chunk::<2>()?;
        let (value_len, rest) = rest.split_first_chunk::<4>()?;
        let key_len = usize::from(u16::from_le_bytes(*key_len));
        let value_len = usize::try_from(u32::from_le_bytes(*value_len)).ok()?;
        let (key, rest) = rest.split_at_checked(key_len)?;
        let (value, rest) = rest.split_at_checked(value_len)?;
        rows.push(Op::put(Keyspace::from_code(*code)?, key, value));
        body = rest;
    }
    Some(rows)
}
