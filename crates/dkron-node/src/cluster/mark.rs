//! Which cluster this data directory belongs to: made by the server that begins the cluster,
//! adopted by those it takes in, and never changed but by a recovery.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

use super::bootstrap::Pledge;

/// One consensus group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClusterId(pub [u8; 16]);

impl std::fmt::Display for ClusterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The cluster and how often it was recovered: nodes of an older generation are not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    pub cluster: ClusterId,
    pub generation: u64,
}

impl std::fmt::Display for Marked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.cluster, self.generation)
    }
}

/// The mark of one data directory.
pub struct Mark {
    path: PathBuf,
    marked: Mutex<Option<Marked>>,
    told: watch::Sender<Option<Marked>>,
    /// What this server promised about the beginning of a cluster.
    pledge: OnceLock<Arc<Pledge>>,
}

const FORMAT: u8 = 1;
const LENGTH: usize = 1 + 16 + 8;

impl Mark {
    /// Reads the file `cluster` of a data directory.
    pub fn open(directory: &Path) -> io::Result<Mark> {
        let path = directory.join("cluster");
        let marked = match fs::read(&path) {
            Ok(bytes) => Some(read(&bytes).ok_or_else(|| {
                let text = format!("{} is damaged or of a newer version", path.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?),
            Err(err) if err.kind() == io::ErrorKind::NotFound => None,
            Err(err) => return Err(err),
        };
        let told = watch::Sender::new(marked);
        Ok(Mark { path, marked: Mutex::new(marked), told, pledge: OnceLock::new() })
    }

    pub fn get(&self) -> Option<Marked> {
        *self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What [`Mark::get`] tells, as it changes.
    pub fn changes(&self) -> watch::Receiver<Option<Marked>> {
        self.told.subscribe()
    }

    /// From now on a cluster that the promise forbids is not adopted. Said once, before anything is
    /// heard from others.
    pub fn bind(&self, pledge: Arc<Pledge>) {
        // A second one would be the same file.
        let _ = self.pledge.set(pledge);
    }

    /// Durable when it returns. Another cluster's mark is never replaced: that is an error.
    pub fn adopt(&self, new: Marked) -> io::Result<()> {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        match *marked {
            Some(old) if old == new => return Ok(()),
            Some(old) => {
                let text = format!(
                    "this data belongs to cluster {} (generation {}), not to {} (generation {})",
                    old.cluster, old.generation, new.cluster, new.generation
                );
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            None if self.pledge.get().is_some_and(|pledge| !pledge.allows(new.cluster)) => {
                let text = format!(
                    "this server has promised not to join cluster {} before it began; if that is \
                     the one to join, delete the file `promise` in its data directory",
                    new.cluster
                );
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            None => write(&self.path, new)?,
        }
        *marked = Some(new);
        self.told.send_replace(*marked);
        Ok(())
    }

    /// A recovery: those that were left behind are not heard any more. Never goes back.
    pub fn raise_generation(&self, generation: u64) -> io::Result<Option<Marked>> {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(old) = *marked else { return Ok(None) };
        let new = Marked { generation: old.generation.max(generation), ..old };
        write(&self.path, new)?;
        *marked = Some(new);
        self.told.send_replace(*marked);
        Ok(*marked)
    }
}

fn read(bytes: &[u8]) -> Option<Marked> {
    let (format, rest) = bytes.split_first()?;
    let (cluster, generation) = rest.split_first_chunk::<16>()?;
    let generation = <[u8; 8]>::try_from(generation).ok()?;
    let marked =
        Marked { cluster: ClusterId(*cluster), generation: u64::from_be_bytes(generation) };
    (*format == FORMAT).then_some(marked)
}

fn write(path: &Path, marked: Marked) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&marked.cluster.0);
    bytes.extend_from_slice(&marked.generation.to_be_bytes());
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Marked = Marked { cluster: ClusterId([1; 16]), generation: 0 };

    #[test]
    fn a_mark_stays_and_refuses_another_cluster() {
        let directory = tempfile::tempdir().unwrap();
        let mark = Mark::open(directory.path()).unwrap();
        assert_eq!(mark.get(), None);
        mark.adopt(ONE).unwrap();
        let again = Mark::open(directory.path()).unwrap();
        assert_eq!(again.get(), Some(ONE));
        again.adopt(ONE).unwrap();
        let foreign = Marked { cluster: ClusterId([2; 16]), generation: 0 };
        assert!(again.adopt(foreign).is_err());
        assert!(again.adopt(Marked { generation: 1, ..ONE }).is_err());
    }

    #[test]
    fn a_recovery_raises_the_generation() {
        let directory = tempfile::tempdir().unwrap();
        let mark = Mark::open(directory.path()).unwrap();
        assert_eq!(mark.raise_generation(1).unwrap(), None);
        mark.adopt(ONE).unwrap();
        mark.raise_generation(1).unwrap();
        mark.raise_generation(0).unwrap();
        assert_eq!(Mark::open(directory.path()).unwrap().get().unwrap().generation, 1);
    }

    #[test]
    fn a_damaged_mark_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("cluster"), b"x").unwrap();
        assert!(Mark::open(directory.path()).is_err());
    }
}
