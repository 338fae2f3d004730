//! Files that are there after a power loss: sync the file, then the directory that names it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{Durability, Error};

/// Makes the entries of a directory (new, renamed and removed files) durable.
pub fn sync_dir(path: &Path) -> Result<(), Error> {
    let dir = File::open(path).map_err(Error::io("open directory", path))?;
    dir.sync_all().map_err(Error::io("sync directory", path))
}

/// Creates a directory with its missing parents; each new name is made durable.
pub fn create_dir(path: &Path, durability: Durability) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent_of(path);
    create_dir(&parent, durability)?;
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(e) => return Err(Error::io("create directory", path)(e)),
    }
    if durability == Durability::Fsync {
        sync_dir(&parent)
    } else {
        Ok(())
    }
}

/// Replaces a file as a whole: a reader sees the old content or the new one, never a mixture.
pub fn replace_file(path: &Path, content: &[u8], durability: Durability) -> Result<(), Error> {
    let temporary = temporary_of(path);
    let mut file = File::create(&temporary).map_err(Error::io("create", &temporary))?;
    file.write_all(content)
        .map_err(Error::io("write", &temporary))?;
    if durability == Durability::Fsync {
        file.sync_all().map_err(Error::io("sync", &temporary))?;
    }
    fs::rename(&temporary, path).map_err(Error::io("rename into place", path))?;
    if durability == Durability::Fsync {
        sync_dir(&parent_of(path))
    } else {
        Ok(())
    }
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
