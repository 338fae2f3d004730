//! What earlier lives of this node left behind: the journal, and what the runner still holds.

use dkron_core::domain::{BootId, NodeName, Seq, limits};
use dkron_core::worker::{self, Action, Past, Survivor, Worker};
use dkron_exec::runner::Held;
use dkron_store::Durability;
use dkron_store::data_dir::DataDir;

use super::Journal;
use crate::error::Error;
use crate::{clocks, identity, versions};

/// A worker that knows what it knew.
pub struct Recalled {
    pub boot_id: BootId,
    pub journal: Journal,
    pub worker: Worker,
    /// What recovery left to do.
    pub first: Vec<Action>,
}

/// Reads the journal of a data directory; `held` is what the runner holds.
pub fn recall(
    data: &DataDir,
    durability: Durability,
    node: &NodeName,
    held: &[Held],
) -> Result<Recalled, Error> {
    let boot_id = identity::boot_id()?;
    let path = data.journal_path();
    let journal_id = identity::journal_id(&path, !path.exists())?;
    let (journal, records) = Journal::open(&path, durability)?;
    let (node, capacity) = (node.clone(), limits::NODE_RUNS);
    let version = versions::cluster_version();
    let own = worker::Options { node, boot_id, journal_id, capacity, version };
    let same_boot = identity::is_same_boot(&path, boot_id)?;
    let survivors = held.iter().map(survivor).collect();
    let past = Past { journal: records, survivors, same_boot };
    let (worker, first) = Worker::recover(own, clocks::now(), past);
    Ok(Recalled { boot_id, journal, worker, first })
}

/// What the worker needs to know of a run that the runner holds.
fn survivor(held: &Held) -> Survivor {
    // One without a process could not be started, or is about to be.
    let started_at = held.process.map_or_else(clocks::wall, |process| process.started_at);
    let process = held.process.map(|process| {
        let (group, start_time) = (process.process_group, process.start_time);
        worker::Process { group, start_time }
    });
    Survivor { seq: Seq(held.seq), started_at, process }
}
