//! The file operations of journal, outputs and whole-file replacements, in one place: tests record
//! each of them, let it fail, and build what a power loss would leave.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

#[cfg(test)]
use crate::power_loss::{Op, note};

/// A file that is written at given places.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) file: File,
    #[cfg_attr(not(test), allow(dead_code, reason = "tests record who was written"))]
    path: PathBuf,
}

impl Writer {
    /// Opens for reading and writing, as it is or new.
    pub(crate) fn open(path: &Path) -> io::Result<Writer> {
        #[cfg(test)]
        if !path.exists() {
            note(Op::Create(path.into()))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Writer { file: options.open(path)?, path: path.to_path_buf() })
    }

    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Err(error) = note(Op::Write(self.path.clone(), offset, bytes.to_vec())) {
            // As much as had room.
            self.file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        self.file.write_all_at(bytes, offset)
    }

    pub(crate) fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        note(Op::SetLen(self.path.clone(), len))?;
        self.file.set_len(len)
    }

    /// Content and length, whatever else the system may keep of a file.
    pub(crate) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        note(Op::Sync(self.path.clone()))?;
        self.file.sync_data()
    }

    /// Takes room on the disk for bytes to come, beyond the length, which stays.
    pub(crate) fn reserve(&self, offset: u64, len: u64) -> io::Result<()> {
        fallocate(&self.file, FallocateFlags::KEEP_SIZE, offset, len).map_err(io::Error::from)
    }
}

pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    note(Op::Rename(from.into(), to.into()))?;
    fs::rename(from, to)
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    if path.exists() {
        note(Op::Remove(path.into()))?;
    }
    fs::remove_file(path)
}

/// Makes new, renamed and removed names of a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    note(Op::SyncDir(path.into()))?;
    File::open(path)?.sync_all()
}
