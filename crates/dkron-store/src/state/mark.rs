//! How far the rows are known to be synced, in a small file beside them; and what to do with a
//! journal of the engine that a power loss left torn.
//!
//! The engine cuts its journal at the first place that it cannot read and says nothing. Below the
//! mark this is damage. A batch that is torn within, with its end in place, it refuses; only the
//! last one can be so, which was never acknowledged.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Durability, Error, durable};

/// What the engine writes behind each batch.
const BATCH_END: &[u8] = b"FJL\x03";
const LEN: usize = 12;

/// The last entry whose rows are known to be synced.
pub(super) fn read(state: &Path) -> Result<Option<u64>, Error> {
    let path = path_of(state);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", &path)(error)),
    };
    match (bytes.first_chunk::<8>(), bytes.get(8..)) {
        (Some(applied), Some(sum)) if crc32fast::hash(applied).to_le_bytes() == sum => {
            Ok(Some(u64::from_le_bytes(*applied)))
        }
        _ => Err(Error::DamagedRecord { name: "synced", path }),
    }
}

/// Durable when this returns.
pub(super) fn save(state: &Path, applied: u64) -> Result<(), Error> {
    let mut bytes = Vec::with_capacity(LEN);
    bytes.extend_from_slice(&applied.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    durable::replace_file(&path_of(state), &bytes, Durability::Fsync)
}

/// The newest journal, as it is before the engine opens it.
pub(super) struct Journal {
    path: PathBuf,
    /// Without the zeros at its end: the engine makes a journal long in advance.
    content: Vec<u8>,
}

impl Journal {
    /// None in a new state.
    pub(super) fn newest(state: &Path) -> Result<Option<Journal>, Error> {
        let mut newest = None;
        for entry in fs::read_dir(state).map_err(Error::io("list", state))? {
            let path = entry.map_err(Error::io("list", state))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name.and_then(|name| name.strip_suffix(".jnl")?.parse::<u64>().ok());
            newest = newest.max(number.map(|number| (number, path)));
        }
        let Some((_, path)) = newest else { return Ok(None) };
        let mut content = fs::read(&path).map_err(Error::io("read", &path))?;
        content.truncate(content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        Ok(Some(Journal { path, content }))
    }

    /// Cuts the last batch. Its rows come from the log again.
    pub(super) fn cut_last_batch(&self) -> Result<(), Error> {
        let before = &self.content[..self.content.len().saturating_sub(BATCH_END.len())];
        // Where the last batch begins, or some place within it: a row may hold the same bytes.
        let end = ends(before).next_back().unwrap_or(0);
        self.put_back(end)
    }

    /// As it was found, for whoever looks at the damage.
    pub(super) fn restore(&self) -> Result<(), Error> {
        self.put_back(self.content.len())
    }

    fn put_back(&self, len: usize) -> Result<(), Error> {
        let put = |file: File| {
            file.set_len(0)?;
            file.write_all_at(&self.content[..len], 0)?;
            file.sync_all()
        };
        let file = OpenOptions::new().write(true).open(&self.path);
        file.and_then(put).map_err(Error::io("cut", &self.path))
    }

    /// Looks what the engine has cut: more than one batch can not have been under way.
    pub(super) fn check(&self) -> Result<(), Error> {
        let kept = match fs::metadata(&self.path) {
            Ok(found) => usize::try_from(found.len()).unwrap_or(usize::MAX),
            // All its rows are in tables by now.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("look at", &self.path)(error)),
        };
        let cut = self.content.get(kept..).unwrap_or_default();
        if ends(cut).count() > 1 {
            return Err(Error::DamagedRecord { name: "batch of rows", path: self.path.clone() });
        }
        Ok(())
    }
}

/// Behind each end of a batch.
fn ends(journal: &[u8]) -> impl DoubleEndedIterator<Item = usize> {
    let windows = journal.windows(BATCH_END.len()).enumerate();
    windows.filter(|(_, bytes)| *bytes == BATCH_END).map(|(at, _)| at + BATCH_END.len())
}

fn path_of(state: &Path) -> PathBuf {
    state.with_extension("synced")
}
