//! Numbers that name this machine's boot, this journal and this process.

use std::fs;
use std::path::Path;

use dkron_core::domain::{BootId, JournalId, RequestId};

use crate::error::Error;

/// Random bytes from the kernel.
pub fn random() -> Result<[u8; 16], Error> {
    #[cfg(test)]
    if let Some(bytes) = crate::sim::random() {
        return Ok(bytes);
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

/// The kernel's boot id: process groups recorded under another one mean nothing.
pub fn boot_id() -> Result<BootId, Error> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(Error::BootId)?;
    let mut id = [0; 16];
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).take(32);
    for (at, digit) in digits.enumerate() {
        let value = char::from(digit).to_digit(16).unwrap_or(0) as u8;
        id[at / 2] = (id[at / 2] << 4) | value;
    }
    Ok(BootId(id))
}

/// The id that was made with the journal; a new one if there is none.
pub fn journal_id(path: &Path, is_new: bool) -> Result<JournalId, Error> {
    let file = path.with_extension("id");
    if let Some(bytes) = fs::read(&file).ok().filter(|_| !is_new)
        && let Ok(id) = <[u8; 16]>::try_from(bytes.as_slice())
    {
        return Ok(JournalId(id));
    }
    let id = random()?;
    write(&file, &id)?;
    Ok(JournalId(id))
}

/// Whether the machine has not been started anew since the journal was last opened.
pub fn is_same_boot(path: &Path, boot_id: BootId) -> Result<bool, Error> {
    let file = path.with_extension("boot");
    let same = fs::read(&file).is_ok_and(|bytes| bytes == boot_id.0);
    if !same {
        write(&file, &boot_id.0)?;
    }
    Ok(same)
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(file, bytes).map_err(|source| {
        let (action, path) = ("write", file.to_path_buf());
        Error::Store(dkron_store::Error::Io { action, path, source })
    })
}

/// Names of proposals of this process: a random half, and a ticket.
#[derive(Clone, Copy)]
pub struct Mint([u8; 8]);

impl Mint {
    pub fn new() -> Result<Self, Error> {
        let bytes = random()?;
        let mut half = [0; 8];
        half.copy_from_slice(&bytes[..8]);
        Ok(Mint(half))
    }

    pub fn name(self, ticket: u64) -> RequestId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.0);
        id[8..].copy_from_slice(&ticket.to_be_bytes());
        RequestId(id)
    }

    /// The ticket, if the proposal was made by this process.
    pub fn ticket(self, id: RequestId) -> Option<u64> {
        let (own, ticket) = id.0.split_at(8);
        let ticket = <[u8; 8]>::try_from(ticket).ok().map(u64::from_be_bytes)?;
        (own == self.0).then_some(ticket)
    }
}
