//! Files that are there after a power loss: sync the file, then the directory that names it.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::files::{self, Writer};
use crate::{Durability, Error};

/// Makes the entries of a directory (new, renamed and removed files) durable.
pub fn sync_dir(path: &Path) -> Result<(), Error> {
    files::sync_dir(path).map_err(Error::io("sync directory", path))
}

/// Creates a directory, readable by its owner alone, with its missing parents; each new name is
/// made durable.
pub fn create_dir(path: &Path, durability: Durability) -> Result<(), Error> {
    create(path, 0o700, durability)
}

fn create(path: &Path, mode: u32, durability: Durability) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(Error::NotADirectory { path: path.to_path_buf() }),
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) if e.kind() == ErrorKind::NotADirectory => {}
        Err(e) => return Err(Error::io("look at directory", path)(e)),
    }
    let parent = parent_of(path);
    create(&parent, 0o755, durability)?;
    match DirBuilder::new().mode(mode).create(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => {
            return Err(Error::io("create directory", path)(e));
        }
        _ => {}
    }
    if durability == Durability::Fsync { sync_dir(&parent) } else { Ok(()) }
}

/// Replaces a file as a whole: a reader sees the old content or the new one, never a mixture.
pub fn replace_file(path: &Path, content: &[u8], durability: Durability) -> Result<(), Error> {
    let temporary = temporary_of(path);
    let written = write_file(&temporary, content, durability).and_then(|()| {
        files::rename(&temporary, path).map_err(Error::io("rename into place", path))
    });
    if let Err(error) = written {
        // On a full disk half a file only makes things worse; what stays is removed at an open.
        let _ = files::remove(&temporary);
        return Err(error);
    }
    if durability == Durability::Fsync { sync_dir(&parent_of(path)) } else { Ok(()) }
}

fn write_file(path: &Path, content: &[u8], durability: Durability) -> Result<(), Error> {
    let file = Writer::open(path).map_err(Error::io("create", path))?;
    file.set_len(0).map_err(Error::io("empty", path))?;
    file.write_all_at(content, 0).map_err(Error::io("write", path))?;
    if durability == Durability::Fsync {
        file.sync().map_err(Error::io("sync", path))?;
    }
    Ok(())
}

/// Bytes that this process may still write to the disk of a path; none if it cannot be told.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

/// The name under which `replace_file` prepares the content of `path`.
pub(crate) fn temporary_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".tmp");
    PathBuf::from(name)
}

pub(crate) fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
