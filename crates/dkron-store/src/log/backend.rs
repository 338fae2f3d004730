//! The file under the engine: waits for room on a full disk, and leaves syncs out on request.
//!
//! The engine takes nothing after one failed write until it is opened anew, and consensus takes
//! an error of the log for the end of this server. A full disk is neither: a write that finds no
//! room waits here and is done again, at the same place with the same bytes, so the engine never
//! hears of it. Entries that are on disk can be read meanwhile. Every other error passes through.
//!
//! A sync is never tried again: after it failed nobody knows what is on the disk.

use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::{BackendError, StorageBackend};

use crate::Durability;
use crate::error::is_full;

/// How often a write that found no room is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether writes wait for room, seen and ended from outside.
#[derive(Debug, Default)]
pub(super) struct Room {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Only a log that is open waits: whoever opens one is told at once.
    patient: bool,
    now: bool,
}

impl Room {
    pub(super) fn be_patient(&self) {
        self.lock().patient = true;
    }

    /// Writes that wait fail now, and later ones do not wait.
    pub(super) fn give_up(&self) {
        self.lock().patient = false;
        self.changed.notify_all();
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.lock().now
    }

    /// Waits a moment; tells whether it is worth another try.
    fn wait(&self, path: &std::path::Path) -> bool {
        let mut state = self.lock();
        if state.patient {
            if !std::mem::replace(&mut state.now, true) {
                let path = path.display();
                tracing::error!(%path, "the disk is full: writes of the log wait for room");
            }
            let waited = self.changed.wait_timeout_while(state, PAUSE, |state| state.patient);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.patient
    }

    fn is_over(&self, path: &std::path::Path, is_written: bool) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.now, false) && is_written {
            let path = path.display();
            tracing::info!(%path, "the log goes on: there is room again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct Backend<B> {
    pub(super) file: B,
    pub(super) durability: Durability,
    pub(super) room: Arc<Room>,
    pub(super) path: PathBuf,
}

impl<B: StorageBackend> Backend<B> {
    fn patiently(&self, attempt: impl Fn() -> io::Result<()>) -> io::Result<()> {
        loop {
            match attempt() {
                Err(error) if is_full(&error) && self.room.wait(&self.path) => {}
                outcome => {
                    self.room.is_over(&self.path, outcome.is_ok());
                    return outcome;
                }
            }
        }
    }
}

impl<B: StorageBackend> StorageBackend for Backend<B> {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.patiently(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        match self.durability {
            Durability::Fsync => self.file.sync_data(),
            // The order of writes stays, only power loss is not covered.
            Durability::None => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.patiently(|| self.file.write(offset, data))
    }

    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
