//! A file of records that only grows, until it is rewritten as a whole.
//!
//! `append` hands a record to the system: it survives the death of the process. `sync` makes all
//! records survive a power loss. What a torn write left at the end is cut at open; damage before
//! good records is skipped and counted, the good ones stay. What a record says, it doesn't know.
//!
//! ```text
//!   file    mark (8) | salt (8) | record …
//!   record  mark (4) | length (4) | checksum (4) of salt, offset, length and bytes | bytes
//! ```
//! Salt and offset are in the checksum so that bytes *inside* a record, which may come from a
//! job's output, can never be taken for a record when a damaged place is searched for the next.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::is_full;
use crate::files::{self, Writer};
use crate::{Durability, Error, durable};

/// LIMIT: bytes of one record.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// LIMIT: bytes of the file; beyond it `append` asks for a rewrite.
pub const FILE_BYTES_MAX: u64 = 1 << 30;

/// Room that is kept on the disk beyond the last record: what runs when a disk gets full can still
/// be written down. Half of it is there at any time.
const RESERVE: u64 = 16 << 20;

const FILE_MARK: [u8; 8] = *b"DKAPPND1";
const FILE_HEADER: usize = 16;
const RECORD_MARK: [u8; 4] = *b"\xD7rec";
const RECORD_HEADER: usize = 12;

#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
    file: Writer,
    durability: Durability,
    salt: u64,
    end: u64,
    /// Up to here the disk has kept room, so that records fit while it is full.
    reserved: u64,
    damaged: usize,
    /// After a failed write or sync, but for a full disk, nobody knows what is on the disk; a
    /// rewrite starts anew.
    failed: Option<String>,
}

impl AppendFile {
    /// Opens or creates the file and gives the records in it.
    pub fn open(path: &Path, durability: Durability) -> Result<(AppendFile, Vec<Vec<u8>>), Error> {
        remove_leftover(path)?;
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::io("read", path)(e)),
        };
        // A header that is not whole is left by a crash during the very first write.
        let torn = content.len() < FILE_HEADER
            && FILE_MARK.starts_with(&content[..content.len().min(FILE_MARK.len())]);
        if torn {
            let mut file = AppendFile::blank(path, durability)?;
            file.rewrite(std::iter::empty())?;
            return Ok((file, Vec::new()));
        }
        let Some(salt) = salt_of(&content) else {
            return Err(Error::DamagedRecord { name: "header", path: path.to_path_buf() });
        };
        let found = scan(&content, salt);
        let mut file = AppendFile::blank(path, durability)?;
        (file.salt, file.end, file.damaged) = (salt, found.end as u64, found.damaged);
        if found.end < content.len() {
            tracing::warn!(
                path = %path.display(), bytes = content.len() - found.end,
                "cut a torn record at the end of a file"
            );
            file.file.set_len(file.end).map_err(Error::io("cut", path))?;
            file.sync()?;
        }
        if found.damaged > 0 {
            let places = found.damaged;
            tracing::error!(path = %path.display(), places, "skipped damaged places in a file");
        }
        file.reserve();
        Ok((file, found.records))
    }

    /// Adds a record; it survives the process, after the next `sync` also the machine.
    pub fn append(&mut self, record: &[u8]) -> Result<(), Error> {
        self.check()?;
        let mut framed = Vec::with_capacity(RECORD_HEADER + record.len());
        frame(&mut framed, self.salt, self.end, record)?;
        let end = self.end + framed.len() as u64;
        if end > FILE_BYTES_MAX {
            let max = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
            return Err(Error::TooLarge { what: "append-only file", len: framed.len(), max });
        }
        if let Err(error) = self.file.write_all_at(&framed, self.end) {
            if is_full(&error) {
                // Half a record would only be cut at the next open; the next one may be smaller.
                let _ = self.file.set_len(self.end);
                self.reserved = self.end;
            } else {
                self.failed = Some(error.to_string());
            }
            return Err(Error::io("append to", &self.path)(error));
        }
        self.end = end;
        self.reserve();
        Ok(())
    }

    /// Keeps room ahead of the end; what the disk does not give now is asked for again later.
    fn reserve(&mut self) {
        if self.durability == Durability::None || self.end + RESERVE / 2 <= self.reserved {
            return;
        }
        match self.file.reserve(self.end, RESERVE) {
            Ok(()) => self.reserved = self.end + RESERVE,
            Err(error) => {
                tracing::debug!(path = %self.path.display(), %error, "no room could be kept");
                // Not with each record.
                self.reserved = self.end + RESERVE / 2 + RESERVE / 64;
            }
        }
    }

    pub fn sync(&mut self) -> Result<(), Error> {
        self.check()?;
        if self.durability == Durability::Fsync
            && let Err(error) = self.file.sync()
        {
            self.failed = Some(error.to_string());
            return Err(Error::io("sync", &self.path)(error));
        }
        Ok(())
    }

    /// Replaces all records at once, durably: after a crash either all old ones or all new ones
    /// are there.
    pub fn rewrite<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), Error> {
        let salt = RandomState::new().build_hasher().finish();
        let mut content = FILE_MARK.to_vec();
        content.extend_from_slice(&salt.to_le_bytes());
        for record in records {
            let offset = content.len() as u64;
            frame(&mut content, salt, offset, record)?;
        }
        let replaced = durable::replace_file(&self.path, &content, self.durability)
            .and_then(|()| open_file(&self.path));
        match replaced {
            Ok(file) => {
                self.file = file;
                (self.salt, self.end, self.failed) = (salt, content.len() as u64, None);
                self.reserved = 0;
                self.reserve();
                Ok(())
            }
            Err(error) => {
                // Appending goes on only if the old file still bears the name.
                if !self.is_in_place() {
                    self.failed = Some(error.chain());
                }
                Err(error)
            }
        }
    }

    fn is_in_place(&self) -> bool {
        let Ok(open) = self.file.file.metadata() else { return false };
        fs::metadata(&self.path)
            .is_ok_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino()))
    }

    pub fn len_bytes(&self) -> u64 {
        self.end
    }

    /// Damaged places that were skipped at open because good records followed them.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    fn blank(path: &Path, durability: Durability) -> Result<AppendFile, Error> {
        let file = open_file(path)?;
        let (salt, end, reserved, damaged, failed) = (0, 0, 0, 0, None);
        let path = path.to_path_buf();
        Ok(AppendFile { path, file, durability, salt, end, reserved, damaged, failed })
    }

    fn check(&self) -> Result<(), Error> {
        match &self.failed {
            Some(reason) => {
                Err(Error::Stopped { what: "the append-only file", reason: reason.clone() })
            }
            None => Ok(()),
        }
    }
}

fn open_file(path: &Path) -> Result<Writer, Error> {
    Writer::open(path).map_err(Error::io("open", path))
}

/// A rewrite that a crash ended leaves its preparation behind.
fn remove_leftover(path: &Path) -> Result<(), Error> {
    let leftover = durable::temporary_of(path);
    match files::remove(&leftover) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", &leftover)(e))
        }
        _ => Ok(()),
    }
}

fn salt_of(content: &[u8]) -> Option<u64> {
    let (salt, _) = content.strip_prefix(&FILE_MARK)?.split_first_chunk::<8>()?;
    Some(u64::from_le_bytes(*salt))
}

fn frame(out: &mut Vec<u8>, salt: u64, offset: u64, record: &[u8]) -> Result<(), Error> {
    let len = u32::try_from(record.len()).ok().filter(|_| record.len() <= RECORD_BYTES_MAX);
    let Some(len) = len else {
        let (what, max) = ("record", RECORD_BYTES_MAX);
        return Err(Error::TooLarge { what, len: record.len(), max });
    };
    out.extend_from_slice(&RECORD_MARK);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&checksum(salt, offset, record).to_le_bytes());
    out.extend_from_slice(record);
    Ok(())
}

fn checksum(salt: u64, offset: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(&(record.len() as u64).to_le_bytes());
    hasher.update(record);
    hasher.finalize()
}

struct Found {
    records: Vec<Vec<u8>>,
    /// Behind the last good record.
    end: usize,
    damaged: usize,
}

fn scan(content: &[u8], salt: u64) -> Found {
    let mut found = Found { records: Vec::new(), end: FILE_HEADER, damaged: 0 };
    let mut at = FILE_HEADER;
    while at < content.len() {
        if let Some(record) = record_at(content, salt, at) {
            found.damaged += usize::from(at != found.end);
            at += RECORD_HEADER + record.len();
            found.end = at;
            found.records.push(record.to_vec());
            continue;
        }
        let rest = &content[at + 1..];
        let next = rest.windows(RECORD_MARK.len()).position(|window| window == RECORD_MARK);
        let Some(next) = next else { break };
        at += 1 + next;
    }
    found
}

fn record_at(content: &[u8], salt: u64, at: usize) -> Option<&[u8]> {
    let rest = content.get(at..)?.strip_prefix(&RECORD_MARK)?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|n| *n <= RECORD_BYTES_MAX)?;
    let record = rest.get(..len)?;
    (checksum(salt, at as u64, record) == u32::from_le_bytes(*sum)).then_some(record)
}
