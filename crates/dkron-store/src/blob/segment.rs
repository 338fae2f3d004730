//! The format of a segment file, and how one is read again.
//!
//! ```text
//!   file    mark (8) | number (4) | checksum (4) | record …
//!   record  mark (4) | digest (32) | length (4) | stored length (4) | checksum of the body (4)
//!           | checksum of this header (4) | body
//! ```
//! The body is compressed if that made it shorter: then its stored length is below its length.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::digest::Digest;
use crate::Error;

/// LIMIT: bytes of one blob: the most that a job may keep of an output, 64 MiB, and room for what
/// is said about it.
pub const BLOB_BYTES_MAX: usize = 65 << 20;

const FILE_MARK: [u8; 8] = *b"DKBLOBS1";
pub(super) const FILE_HEADER: u64 = 16;
const RECORD_MARK: [u8; 4] = *b"\xD7blb";
pub(super) const RECORD_HEADER: usize = 52;
/// Level 1: output is mostly text, and the processor has other things to do.
const COMPRESSION: i32 = 1;
/// Read at once while a damaged place is searched for the next record.
const SEARCH: usize = 256 << 10;

pub(super) fn path_of(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}.seg"))
}

pub(super) fn number_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?.strip_suffix(".seg")?;
    (name.len() == 8).then(|| name.parse().ok())?
}

pub(super) fn file_header(number: u32) -> [u8; FILE_HEADER as usize] {
    let mut header = [0; FILE_HEADER as usize];
    header[..8].copy_from_slice(&FILE_MARK);
    header[8..12].copy_from_slice(&number.to_le_bytes());
    let sum = crc32fast::hash(&header[..12]);
    header[12..].copy_from_slice(&sum.to_le_bytes());
    header
}

/// Where a blob lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) offset: u32,
    pub(super) stored: u32,
}

impl Place {
    pub(super) fn len(&self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.stored)
    }
}

struct Header {
    digest: Digest,
    raw: u32,
    stored: u32,
    body_sum: u32,
}

pub(super) fn encode(digest: &Digest, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let raw = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= BLOB_BYTES_MAX);
    let Some(raw) = raw else {
        return Err(Error::TooLarge { what: "output", len: bytes.len(), max: BLOB_BYTES_MAX });
    };
    let packed = zstd::bulk::compress(bytes, COMPRESSION).ok();
    let body = packed.as_deref().filter(|packed| packed.len() < bytes.len()).unwrap_or(bytes);
    let stored = u32::try_from(body.len()).expect("it is not longer than the blob");
    let mut record = Vec::with_capacity(RECORD_HEADER + body.len());
    record.extend_from_slice(&RECORD_MARK);
    record.extend_from_slice(digest.as_bytes());
    record.extend_from_slice(&raw.to_le_bytes());
    record.extend_from_slice(&stored.to_le_bytes());
    record.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    let sum = crc32fast::hash(&record);
    record.extend_from_slice(&sum.to_le_bytes());
    record.extend_from_slice(body);
    Ok(record)
}

fn header_of(bytes: &[u8]) -> Option<Header> {
    let header = bytes.get(..RECORD_HEADER)?;
    let (checked, sum) = header.split_at(RECORD_HEADER - 4);
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?))
    };
    if !checked.starts_with(&RECORD_MARK) || crc32fast::hash(checked).to_le_bytes() != *sum {
        return None;
    }
    let digest = Digest(header.get(4..36)?.try_into().ok()?);
    let header = Header { digest, raw: number(36)?, stored: number(40)?, body_sum: number(44)? };
    let sane = header.stored <= header.raw && header.raw as usize <= BLOB_BYTES_MAX;
    sane.then_some(header)
}

/// The blob in a whole record, if it is what its name says.
pub(super) fn decode(record: &[u8], digest: &Digest) -> Option<Vec<u8>> {
    let header = header_of(record)?;
    let body = &record[RECORD_HEADER..];
    if body.len() != header.stored as usize || crc32fast::hash(body) != header.body_sum {
        return None;
    }
    let bytes = if header.stored < header.raw {
        zstd::bulk::decompress(body, header.raw as usize).ok()?
    } else {
        body.to_vec()
    };
    (Digest::of(&bytes) == *digest).then_some(bytes)
}

pub(super) struct Found {
    pub(super) blobs: Vec<(Digest, Place)>,
    /// Behind the last good record.
    pub(super) end: u64,
    pub(super) damaged: usize,
}

/// Reads a segment's headers; with `bodies` the checksums of the bodies, too. None if it is not a
/// whole segment file of this number.
pub(super) fn scan(file: &File, number: u32, bodies: bool) -> std::io::Result<Option<Found>> {
    let len = file.metadata()?.len();
    let mut start = [0; FILE_HEADER as usize];
    if len < FILE_HEADER {
        return Ok(None);
    }
    file.read_exact_at(&mut start, 0)?;
    if start != file_header(number) {
        return Ok(None);
    }
    let mut found = Found { blobs: Vec::new(), end: FILE_HEADER, damaged: 0 };
    let mut at = FILE_HEADER;
    while at < len {
        if let Some((digest, place)) = record_at(file, number, at, len, bodies)? {
            found.damaged += usize::from(at != found.end);
            at += place.len();
            found.end = at;
            found.blobs.push((digest, place));
            continue;
        }
        match next_mark(file, at + 1, len)? {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(Some(found))
}

fn record_at(
    file: &File,
    segment: u32,
    at: u64,
    len: u64,
    bodies: bool,
) -> std::io::Result<Option<(Digest, Place)>> {
    let mut header = [0; RECORD_HEADER];
    if len - at < RECORD_HEADER as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut header, at)?;
    let Some(header) = header_of(&header) else {
        return Ok(None);
    };
    let Ok(offset) = u32::try_from(at) else {
        return Ok(None);
    };
    let place = Place { segment, offset, stored: header.stored };
    if at + place.len() > len {
        return Ok(None);
    }
    if bodies {
        let mut body = vec![0; header.stored as usize];
        file.read_exact_at(&mut body, at + RECORD_HEADER as u64)?;
        if crc32fast::hash(&body) != header.body_sum {
            return Ok(None);
        }
    }
    Ok(Some((header.digest, place)))
}

fn next_mark(file: &File, from: u64, len: u64) -> std::io::Result<Option<u64>> {
    let mut at = from;
    let mut chunk = vec![0; SEARCH];
    while at < len {
        let size = usize::try_from(len - at).unwrap_or(SEARCH).min(SEARCH);
        file.read_exact_at(&mut chunk[..size], at)?;
        let hit = chunk[..size].windows(RECORD_MARK.len()).position(|w| w == RECORD_MARK);
        if let Some(hit) = hit {
            return Ok(Some(at + hit as u64));
        }
        if size < SEARCH {
            return Ok(None);
        }
        // A mark may lie across two chunks.
        at += (SEARCH - RECORD_MARK.len() + 1) as u64;
    }
    Ok(None)
}
