//! Rows of another server: received beside the own ones, checked, synced, and then swapped in.
//!
//! ```text
//!   chunks ─► state.incoming.N ─► (whole, synced, marker) ─► state     crash: the old or the new
//! ```
//!
//! The swap is two renames within one directory, with its names synced after each: between them
//! there is no `state`, and the next open takes the old one back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::Batch;
use super::chunk::{self, Chunk, Totals};
use super::engine::Engine;
use super::{Op, Options, Pending, State, mark, open_engine};
use crate::{Durability, Error, durable, files};

/// Rows that are being received. Dropping it removes what has come.
pub struct Staging {
    engine: Engine,
    totals: Totals,
    beside: Beside,
    number: u64,
    newest: Arc<AtomicU64>,
}

/// All rows of a snapshot, received whole. Dropping it removes them.
pub struct Staged {
    engine: Engine,
    applied: u64,
    beside: Beside,
}

/// What to do with the next chunk.
pub enum Received {
    More(Staging),
    Whole(Staged),
}

/// A directory that goes with its owner, unless it was moved away.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        // What stays is removed at the next open.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl State {
    /// Begins to receive a snapshot. Whoever receives another one gives up with its next chunk.
    pub fn stage(&self) -> Result<Staging, Error> {
        let shared = &self.shared;
        let number = shared.stagings.fetch_add(1, Ordering::Relaxed) + 1;
        let path = named(&shared.path, &format!("incoming.{number}"));
        durable::create_dir(&path, Durability::None)?;
        // Synced as a whole, once it is whole.
        let options = Options { durability: Durability::None, ..shared.options.clone() };
        Ok(Staging {
            engine: Engine::open(&path, &options)?,
            totals: Totals::default(),
            beside: Beside(path),
            number,
            newest: Arc::clone(&shared.stagings),
        })
    }

    /// Replaces all rows by those received, and by `last` on top of them. What was pushed and not
    /// stored yet is dropped; the next push must be of a later entry. Nobody may push meanwhile.
    pub fn install(&self, staged: Staged, last: Vec<Op>) -> Result<(), Error> {
        let shared = &self.shared;
        let durability = shared.options.durability;
        let (beside, applied) = staged.seal(last, durability)?;
        let mut engine = shared.engine.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *engine = None;
        let swapped = swap(&beside.0, &shared.path, durability);
        if swapped.is_err() {
            settle(&shared.path, durability)?;
        }
        let (opened, found) = open_engine(&shared.path, &shared.options)?;
        *engine = Some(opened);
        swapped?;
        if found != Some(applied) {
            let reason = format!("they end at {found:?}, not at {applied}");
            return Err(Error::Stopped { what: "rows of a snapshot", reason });
        }
        let mut pending = shared.lock();
        let synced = (durability == Durability::Fsync).then_some(applied).or(pending.synced);
        *pending = Pending {
            pushed: found,
            stored: found,
            synced,
            failures: pending.failures,
            closing: pending.closing,
            ..Pending::default()
        };
        drop(pending);
        drop(engine);
        shared.settled.notify_all();
        remove_old(&shared.path);
        if durability == Durability::Fsync {
            mark::save(&shared.path, applied)?;
        }
        Ok(())
    }
}

impl Staging {
    /// Takes the next chunk.
    pub fn take(mut self, bytes: &[u8]) -> Result<Received, Error> {
        if self.newest.load(Ordering::Relaxed) != self.number {
            let reason = "another one is being received by now".into();
            return Err(Error::Stopped { what: "the receipt of a snapshot", reason });
        }
        match chunk::read(bytes, &mut self.totals, &self.beside.0)? {
            Chunk::Rows(rows) => {
                self.engine.write(&batch(rows, None))?;
                Ok(Received::More(self))
            }
            Chunk::End { applied } => {
                let Staging { engine, beside, .. } = self;
                Ok(Received::Whole(Staged { engine, applied, beside }))
            }
        }
    }
}

impl Staged {
    /// The entry up to which the rows go.
    pub fn applied_index(&self) -> u64 {
        self.applied
    }

    /// Completes and syncs the rows, and closes them.
    fn seal(self, last: Vec<Op>, durability: Durability) -> Result<(Beside, u64), Error> {
        let Staged { engine, applied, beside } = self;
        engine.write(&batch(last, Some(applied)))?;
        if durability == Durability::Fsync {
            engine.sync()?;
        }
        drop(engine);
        Ok((beside, applied))
    }
}

fn batch(rows: Vec<Op>, upto: Option<u64>) -> Batch {
    let mut batch = Batch::default();
    rows.into_iter().for_each(|row| batch.push(row));
    batch.upto = upto;
    batch
}

fn swap(new: &Path, state: &Path, durability: Durability) -> Result<(), Error> {
    let old = named(state, "old");
    remove_old(state);
    rename(state, &old, durability)?;
    rename(new, state, durability)
}

fn rename(from: &Path, to: &Path, durability: Durability) -> Result<(), Error> {
    files::rename(from, to).map_err(Error::io("rename into place", to))?;
    match durability {
        Durability::Fsync => durable::sync_dir(&durable::parent_of(to)),
        Durability::None => Ok(()),
    }
}

/// Finishes what a crash left of a swap, and removes what was being received.
pub(super) fn settle(state: &Path, durability: Durability) -> Result<(), Error> {
    let old = named(state, "old");
    if !state.exists() && old.exists() {
        rename(&old, state, durability)?;
    }
    remove_old(state);
    let prefix = named(state, "incoming.");
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    let Ok(entries) = fs::read_dir(durable::parent_of(state)) else { return Ok(()) };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix) {
            // It only takes room.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

fn remove_old(state: &Path) {
    // It only takes room; the next open tries again.
    let _ = fs::remove_dir_all(named(state, "old"));
}

fn named(state: &Path, suffix: &str) -> PathBuf {
    let mut name = state.as_os_str().to_os_string();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
