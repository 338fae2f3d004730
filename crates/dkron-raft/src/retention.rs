//! Keeps the log short: syncs the state, then purges what is both old and beyond the kept bytes.
//!
//! Invariant: nothing is purged that the synced state does not hold, or the next start would find
//! a gap between the two.

use std::sync::Arc;
use std::time::Duration;

use crate::disk::LogDisk;
use crate::error::Error;
use crate::options::Options;
use crate::start::Raft;
use crate::state::{StateHandle, applied_index};
use crate::state_machine::blocking;

/// A sync that takes longer is looked at again with the next round.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Retention {
    pub raft: Raft,
    pub log: Arc<dyn LogDisk>,
    pub state: Arc<dyn StateHandle>,
    pub options: Options,
}

impl Retention {
    pub(crate) async fn run(self) {
        loop {
            tokio::time::sleep(self.options.retention_interval).await;
            match self.round().await {
                Ok(Some(index)) => tracing::info!(index, "the log was purged"),
                Ok(None) => {}
                Err(Error::Stopped) => return,
                Err(err) => tracing::warn!(%err, "the log was not purged"),
            }
        }
    }

    /// One round; tells up to which index the log was purged.
    pub(crate) async fn round(&self) -> Result<Option<u64>, Error> {
        let (bytes, age) = (self.options.keep_bytes, self.options.keep_age);
        let Some(wanted) = self.log.purgeable(bytes, age) else {
            return Ok(None);
        };
        let Some(synced) = self.synced().await? else {
            return Ok(None);
        };
        let purged = self.log.read_purged().map(|(index, _)| index);
        let upto = wanted.min(synced);
        if purged.is_some_and(|index| index >= upto) {
            return Ok(None);
        }
        // The library purges only below a snapshot it has seen being built.
        self.raft.trigger().snapshot().await.map_err(|_| Error::Stopped)?;
        let covered = |m: &openraft::RaftMetrics<_>| {
            m.snapshot.as_ref().is_some_and(|id: &crate::config::LogId| id.index >= upto)
        };
        let wait = self.raft.wait(Some(SNAPSHOT_PATIENCE));
        if wait.metrics(covered, "a snapshot before purging").await.is_err() {
            return Ok(None);
        }
        self.raft.trigger().purge_log(upto).await.map_err(|_| Error::Stopped)?;
        let gone = |m: &openraft::RaftMetrics<_>| {
            m.purged.as_ref().is_some_and(|id: &crate::config::LogId| id.index >= upto)
        };
        let wait = self.raft.wait(Some(SNAPSHOT_PATIENCE));
        let purged = wait.metrics(gone, "the purge").await;
        Ok(purged.is_ok().then_some(upto))
    }

    async fn synced(&self) -> Result<Option<u64>, Error> {
        let state = Arc::clone(&self.state);
        let marker =
            blocking(move || state.sync()).await.map_err(|source| Error::Sync { source })?;
        let Some(bytes) = marker else { return Ok(None) };
        applied_index(&bytes).map_err(|source| Error::Sync { source })
    }
}
