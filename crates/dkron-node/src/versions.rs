//! The newest version of a cluster that this process can be a part of: that of the build, unless a
//! test lets one build stand for an older one.

use dkron_core::domain::CLUSTER_VERSION;
use dkron_core::ledger::{Command, Entry, Ledger, LoadError};

#[cfg(debug_assertions)]
static STAGED: std::sync::OnceLock<u32> = std::sync::OnceLock::new();

/// What this process announces to the others.
pub fn cluster_version() -> u32 {
    #[cfg(debug_assertions)]
    if let Some(staged) = STAGED.get() {
        return *staged;
    }
    CLUSTER_VERSION
}

/// Tests let one build be as old as one that knew no more than this version. Only the first call
/// counts.
#[cfg(debug_assertions)]
pub fn stage_cluster_version(version: u32) {
    // A second one would be a mistake of the one test that starts this process.
    let _ = STAGED.set(version.min(CLUSTER_VERSION));
}

/// The ledger refuses what the build does not know; this refuses what it is staged not to know.
pub(crate) fn refuse(ledger: Ledger) -> Result<Ledger, LoadError> {
    let (version, rules) = (ledger.version(), ledger.rules());
    let known = cluster_version();
    if version > known { Err(LoadError::TooNew { version, rules, known }) } else { Ok(ledger) }
}

/// The same for an entry that raises the cluster.
///
/// # Panics
/// If it raises the cluster to a version that is not known: this replica must not go on.
pub(crate) fn check(entry: &Entry) {
    let Command::RaiseVersion(raise) = &entry.command else { return };
    let (index, version, known) = (entry.index, raise.version, cluster_version());
    assert!(
        version <= known,
        "entry {index} raises the cluster to version {version}, this server knows {known} at \
         most: upgrade it"
    );
    tracing::info!(version, "dkron: all servers and nodes know this version of the cluster");
}
