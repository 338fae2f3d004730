//! The promise of one server, in the file `promise` of its data directory, and its answers.
//!
//! Invariant: at any time it is bound to one cluster at most, and one that it refused once, by
//! giving its promise to another or back, it refuses for ever.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dkron_wire::server::{Candidate, PromiseAnswer, PromiseAsk};

use crate::cluster::{ClusterId, Entry, Mark};

/// LIMIT: clusters that are remembered as refused; attempts to begin are few.
const REFUSED_MAX: usize = 64;

/// The promise, and what was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    promise: Option<Candidate>,
    refused: Vec<[u8; 16]>,
}

pub struct Pledge {
    path: PathBuf,
    kept: Mutex<Kept>,
}

/// What the answering server knows of itself.
pub struct Answering<'a> {
    /// The log has entries.
    pub is_member: bool,
    pub expect: u16,
    pub mark: &'a Mark,
    pub servers: &'a [Entry],
}

/// Whether whoever was promised came back as another one: same name, new id, the old one gone.
pub fn can_be_replaced(promise: &Candidate, servers: &[Entry]) -> bool {
    let is_there = |entry: &&Entry| entry.alive;
    let back =
        servers.iter().filter(is_there).any(|e| e.name == promise.name && e.id != promise.id);
    back && !servers.iter().filter(is_there).any(|entry| entry.id == promise.id)
}

impl Pledge {
    /// Reads the file `promise` of a data directory.
    pub fn open(directory: &Path) -> io::Result<Pledge> {
        let path = directory.join("promise");
        let kept = match fs::read(&path) {
            Ok(bytes) => read(&bytes).ok_or_else(|| {
                let text = format!("{} is damaged or of a newer version", path.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?,
            Err(err) if err.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(err) => return Err(err),
        };
        Ok(Pledge { path, kept: Mutex::new(kept) })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self) -> Option<Candidate> {
        self.kept().promise.clone()
    }

    /// Whether this server may become a member of a cluster: one that it promised, or any that it
    /// did not refuse while it promised none.
    pub fn allows(&self, cluster: ClusterId) -> bool {
        let kept = self.kept();
        let bound = kept.promise.as_ref().is_none_or(|promise| promise.cluster == cluster.0);
        bound && !kept.refused.contains(&cluster.0)
    }

    /// Promises, durably when it returns. What was promised before is refused from now on.
    pub fn promise(&self, to: Candidate) -> io::Result<()> {
        self.change(|kept| {
            let old = kept.promise.replace(to);
            let new = kept.promise.as_ref().map(|promise| promise.cluster);
            kept.refused.extend(old.map(|old| old.cluster).filter(|old| Some(*old) != new));
        })
    }

    /// Gives a promise back; its cluster is refused from now on.
    pub fn withdraw(&self) -> io::Result<()> {
        self.change(|kept| kept.refused.extend(kept.promise.take().map(|old| old.cluster)))
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) -> io::Result<()> {
        let mut kept = self.kept();
        let mut new = kept.clone();
        change(&mut new);
        let excess = new.refused.len().saturating_sub(REFUSED_MAX);
        new.refused.drain(..excess);
        if new != *kept {
            write(&self.path, &new)?;
            *kept = new;
        }
        Ok(())
    }

    /// Answers a question of another server. What it promises is durable when this returns.
    pub fn answer(&self, ask: &PromiseAsk, own: &Answering<'_>) -> io::Result<PromiseAnswer> {
        if let Some(marked) = own.mark.get().filter(|marked| own.is_taken(marked.cluster, self)) {
            let (cluster, generation) = (marked.cluster.0, marked.generation);
            return Ok(PromiseAnswer::Member { cluster, generation });
        }
        let promise = self.get();
        let asked = match ask {
            PromiseAsk::Look => return Ok(free_or(promise)),
            PromiseAsk::Withdraw(asked) => {
                if promise.as_ref() == Some(asked) {
                    self.withdraw()?;
                }
                return Ok(free_or(self.get()));
            }
            PromiseAsk::Promise(asked) => asked,
        };
        if asked.expect != own.expect {
            return Ok(PromiseAnswer::Expects(own.expect));
        }
        if self.kept().refused.contains(&asked.cluster) {
            return Ok(PromiseAnswer::Refused);
        }
        let is_free = promise.as_ref().is_none_or(|old| {
            // Whoever asked before may ask for another cluster: it alone would begin the first.
            old.id == asked.id || can_be_replaced(old, own.servers)
        });
        if is_free {
            self.promise(asked.clone())?;
        }
        Ok(free_or(self.get()))
    }
}

impl Answering<'_> {
    /// It belongs to a cluster: it has entries, or the mark of one that it did not only promise.
    fn is_taken(&self, cluster: ClusterId, pledge: &Pledge) -> bool {
        self.is_member || pledge.get().is_none_or(|promise| promise.cluster != cluster.0)
    }
}

fn free_or(promise: Option<Candidate>) -> PromiseAnswer {
    promise.map_or(PromiseAnswer::Free, PromiseAnswer::Promised)
}

const FORMAT: u8 = 1;

/// `format u8 | number of refused u8 | refused, 16 bytes each | the promise, if there is one`
fn read(bytes: &[u8]) -> Option<Kept> {
    let (format, rest) = bytes.split_first()?;
    let (count, mut rest) = rest.split_first()?;
    let mut refused = Vec::new();
    for _ in 0..*count {
        let (cluster, after) = rest.split_first_chunk::<16>()?;
        refused.push(*cluster);
        rest = after;
    }
    let promise = match rest {
        [] => None,
        bytes => Some(Candidate::decode(bytes).ok()?),
    };
    (*format == FORMAT).then_some(Kept { promise, refused })
}

fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let count = u8::try_from(kept.refused.len()).expect("the limit is below 256");
    let mut bytes = vec![FORMAT, count];
    bytes.extend(kept.refused.iter().flatten());
    bytes.extend(kept.promise.iter().flat_map(Candidate::encode));
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
