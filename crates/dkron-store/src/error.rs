//! Everything that can go wrong between the process and its disk.

use std::io;
use std::path::{Path, PathBuf};

use crate::blob::Digest;

/// What an engine said, whichever it was.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "data directory `{}` is in use by process {pid}; stop that process or choose another \
         directory", path.display()
    )]
    InUse { path: PathBuf, pid: String },

    #[error(
        "`{}` is not a data directory of this program: it holds {found}; {advice}",
        path.display()
    )]
    Foreign { path: PathBuf, found: String, advice: &'static str },

    #[error("data directory `{}` is not a directory; give the path of a directory", path.display())]
    NotADirectory { path: PathBuf },

    #[error(
        "data directory `{}` has format {found}, this version reads up to {known}; start the \
         newer version that wrote it", path.display()
    )]
    TooNew { path: PathBuf, found: u32, known: u32 },

    #[error("manifest `{}` is damaged: {reason}; restore the file from a backup", path.display())]
    Manifest { path: PathBuf, reason: String },

    #[error("failed to {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    #[error("failed to {action} `{}`", path.display())]
    Engine { action: &'static str, path: PathBuf, source: Cause },

    #[error(
        "log entry {index} is damaged on disk; this server must not go on with it: restore it \
         from a backup or let it join the cluster anew with an empty directory"
    )]
    Damaged { index: u64 },

    #[error("record `{name}` is damaged in `{}`", path.display())]
    DamagedRecord { name: &'static str, path: PathBuf },

    #[error(
        "rows in `{}` are damaged: they were synced up to log entry {synced} and now end at entry \
         {found}; restore the data directory from a backup", path.display()
    )]
    LostRows { path: PathBuf, found: u64, synced: u64 },

    #[error("stored output {digest} is damaged on disk")]
    DamagedBlob { digest: Digest },

    #[error("{what} with index {index} is out of order, expected {expected}")]
    Order { what: &'static str, index: u64, expected: u64 },

    #[error("{what} of {len} bytes is larger than the limit of {max} bytes")]
    TooLarge { what: &'static str, len: usize, max: usize },

    /// A writer met a failure earlier and takes nothing more.
    #[error("{what} stopped writing: {reason}")]
    Stopped { what: &'static str, reason: String },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    }

    pub(crate) fn engine<E>(action: &'static str, path: &Path) -> impl FnOnce(E) -> Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let path = path.to_path_buf();
        move |source| Error::Engine { action, path, source: Box::new(source) }
    }

    /// Whether the disk had no room. What failed may be tried again once it has.
    pub fn is_full(&self) -> bool {
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            if inner.downcast_ref::<io::Error>().is_some_and(is_full) {
                return true;
            }
            cause = inner.source();
        }
        false
    }

    /// This error and its causes in one line, for places that can keep only text.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }
}

/// No room on the disk, or none left for this user.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
