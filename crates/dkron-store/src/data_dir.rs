//! The directory in which a node keeps everything, held by one process at a time.
//!
//! ```text
//!   manifest        what this directory is
//!   dkron.lock      held while a process uses it, names that process
//!   log.redb        log and vote
//!   state/          rows of state and history
//!   state.synced    how far they are known to be synced
//!   state.incoming.N, state.old     rows of another server that take their place
//!   blobs/          large outputs
//!   journal         the worker's own notes      (written by the node)
//!   runner.sock     the runner's door           (made by the node)
//! ```
//! A directory that holds anything else is somebody else's: it is refused and nothing in it is
//! touched.

mod manifest;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};

use crate::blob::{self, Blobs};
use crate::log::{self, Log};
use crate::state::{self, State};
use crate::{Durability, Error, durable};
use manifest::{FORMAT, Manifest};

const MANIFEST: &str = "manifest";
const LOCK: &str = "dkron.lock";

#[derive(Clone, Debug)]
pub struct Options {
    /// Holds for all parts.
    pub durability: Durability,
    /// The id of a node whose directory is made now; 16 random bytes.
    pub new_node_id: [u8; 16],
    /// The version of the program, written into a new directory.
    pub created_by: String,
    pub log: log::Options,
    pub state: state::Options,
    pub blobs: blob::Options,
}

impl Options {
    pub fn new(new_node_id: [u8; 16], created_by: impl Into<String>) -> Options {
        Options {
            durability: Durability::Fsync,
            new_node_id,
            created_by: created_by.into(),
            log: log::Options::default(),
            state: state::Options::default(),
            blobs: blob::Options::default(),
        }
    }
}

/// Each part is opened when it is first asked for, and then shared. Keep this alive as long as a
/// part is used: it holds the lock.
pub struct DataDir {
    path: PathBuf,
    manifest: Manifest,
    options: Options,
    log: Part<Log>,
    state: Part<State>,
    blobs: Part<Blobs>,
    /// Last, so that the parts are closed before another process may come in.
    _lock: File,
}

type Part<T> = Mutex<Option<Arc<T>>>;

impl DataDir {
    /// Whether there is one, in use or not; nothing is made.
    pub fn is_one(path: &Path) -> bool {
        path.join(MANIFEST).is_file()
    }

    pub fn open(path: &Path, mut options: Options) -> Result<DataDir, Error> {
        options.log.durability = options.durability;
        options.state.durability = options.durability;
        options.blobs.durability = options.durability;
        durable::create_dir(path, options.durability)?;
        // Before anything is written: a foreign directory stays as it is.
        refuse_foreign(path)?;
        let lock = lock(path)?;
        let manifest = read_or_create_manifest(path, &options)?;
        Ok(DataDir {
            path: path.to_path_buf(),
            manifest,
            options,
            log: Mutex::default(),
            state: Mutex::default(),
            blobs: Mutex::default(),
            _lock: lock,
        })
    }

    pub fn node_id(&self) -> [u8; 16] {
        self.manifest.node_id
    }

    pub fn shard(&self) -> u32 {
        self.manifest.shard
    }

    /// The version that made the directory.
    pub fn created_by(&self) -> &str {
        &self.manifest.created_by
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn journal_path(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// LIMIT: the system takes socket paths of up to 107 bytes; binding tells.
    pub fn runner_socket_path(&self) -> PathBuf {
        self.path.join("runner.sock")
    }

    /// Where outputs go that are too large for memory while they grow.
    pub fn spool_path(&self) -> PathBuf {
        self.path.join("spool")
    }

    pub fn log(&self) -> Result<Arc<Log>, Error> {
        let path = self.path.join("log.redb");
        part(&self.log, || Log::open(&path, self.options.log.clone()))
    }

    pub fn state(&self) -> Result<Arc<State>, Error> {
        let path = self.path.join("state");
        part(&self.state, || State::open(&path, self.options.state.clone()))
    }

    pub fn blobs(&self) -> Result<Arc<Blobs>, Error> {
        let path = self.path.join("blobs");
        part(&self.blobs, || Blobs::open(&path, self.options.blobs.clone()))
    }
}

fn part<T>(part: &Part<T>, open: impl FnOnce() -> Result<T, Error>) -> Result<Arc<T>, Error> {
    let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(opened) = &*part {
        return Ok(Arc::clone(opened));
    }
    let opened = Arc::new(open()?);
    *part = Some(Arc::clone(&opened));
    Ok(opened)
}

fn refuse_foreign(path: &Path) -> Result<(), Error> {
    if path.join(MANIFEST).exists() {
        return Ok(());
    }
    let mut strange = Vec::new();
    for entry in fs::read_dir(path).map_err(Error::io("list data directory", path))? {
        let entry = entry.map_err(Error::io("list data directory", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A crash while the directory was made leaves these; a mount point has the last one.
        if !matches!(name.as_str(), LOCK | "manifest.tmp" | "lost+found") {
            strange.push(name);
        }
    }
    strange.sort_unstable();
    let Some(first) = strange.first() else { return Ok(()) };
    let path_buf = path.to_path_buf();
    if path.join("raft").join("raft.db").exists() {
        return Err(Error::Foreign {
            path: path_buf,
            found: "the data of a Dkron server of the Go line (raft/raft.db)".into(),
            advice: "it is left untouched: give an empty directory, export the jobs of the old \
                     server with GET /v1/jobs and load them here with POST /v1/restore",
        });
    }
    let found = match strange.len() {
        1 => format!("`{first}`"),
        more => format!("`{first}` and {} other entries", more - 1),
    };
    Err(Error::Foreign {
        path: path_buf,
        found,
        advice: "it is left untouched: give an empty directory or one that does not exist yet",
    })
}

fn lock(path: &Path) -> Result<File, Error> {
    let lock_path = path.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(Error::io("open", &lock_path))?;
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(Error::io("lock", &lock_path)(error.into()));
        }
        let mut pid = String::new();
        // LIMIT: a number, whatever else the file may hold.
        let _ = file.take(32).read_to_string(&mut pid);
        let pid = pid.trim();
        let pid = if pid.is_empty() { "unknown" } else { pid }.to_string();
        return Err(Error::InUse { path: path.to_path_buf(), pid });
    }
    file.set_len(0).map_err(Error::io("write", &lock_path))?;
    let pid = std::process::id();
    file.write_all(format!("{pid}\n").as_bytes()).map_err(Error::io("write", &lock_path))?;
    Ok(file)
}

fn read_or_create_manifest(path: &Path, options: &Options) -> Result<Manifest, Error> {
    let manifest_path = path.join(MANIFEST);
    match fs::read(&manifest_path) {
        Ok(bytes) => Manifest::parse(&manifest_path, &String::from_utf8_lossy(&bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let manifest = Manifest {
                format: FORMAT,
                node_id: options.new_node_id,
                shard: 0,
                created_by: options.created_by.clone(),
            };
            let text = manifest.to_text();
            durable::replace_file(&manifest_path, text.as_bytes(), options.durability)?;
            Ok(manifest)
        }
        Err(e) => Err(Error::io("read", &manifest_path)(e)),
    }
}
