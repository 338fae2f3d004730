//! The ledger is rebuilt from the rows of the working set, then goes on with the log.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use super::row::Row;
use super::state::{Derived, JobState, Ledger, Phase, Runtime};
use crate::domain::{CLUSTER_VERSION, JobNo, LogIndex, RULES, RequestId, Version, rules_of};

/// Rows that do not make a ledger: the store lost some, or they are of another format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// A job, group or output names a definition that is not there.
    NoDefinition(JobNo, Version),
    /// The cluster was raised to a version, with these rules, that this server does not know.
    TooNew { version: u32, rules: u32, known: u32 },
}

impl core::fmt::Display for LoadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            LoadError::NoDefinition(job_no, version) => {
                write!(f, "stored state has no definition {version} of job number {job_no}")
            }
            LoadError::TooNew { version, rules, known } => write!(
                f,
                "the cluster is at version {version} with rules {rules}, this server knows \
                 {known} with rules {} at most: upgrade it",
                rules_of(*known)
            ),
        }
    }
}

impl core::error::Error for LoadError {}

/// A ledger on its way from rows: they come one at a time, so that a start needs no room twice.
#[derive(Default)]
pub struct Loader {
    ledger: Ledger,
    runtimes: BTreeMap<JobNo, Runtime>,
    requests: BTreeMap<LogIndex, RequestId>,
}

impl Loader {
    /// For rows as of that index.
    pub fn new(applied: LogIndex) -> Self {
        Loader { ledger: Ledger { applied, ..Ledger::default() }, ..Loader::default() }
    }

    /// Takes a row of the working set, in any order; others are skipped.
    pub fn take(&mut self, row: Row) {
        let ledger = &mut self.ledger;
        match row {
            Row::Office(office) => ledger.office = office,
            Row::Settings(settings) => {
                ledger.settings = settings;
                ledger.settled = true;
            }
            Row::Paused(paused) => ledger.paused = paused,
            Row::LastSeq(seq) => ledger.last_seq = seq,
            Row::Definition { job_no, version, job } => {
                ledger.pinned.insert((job_no, version), job);
            }
            Row::Runtime { job_no, runtime } => drop(self.runtimes.insert(job_no, runtime)),
            Row::Group(group) => drop(ledger.groups.insert(group.group, group)),
            Row::Owed { parent, child, at } => drop(ledger.owed.insert((parent, child), at)),
            Row::Processing(held) => drop(ledger.processing.insert(held.record.seq, held)),
            Row::Queued { job_no, no, queued } => {
                ledger.queued.insert((job_no, no), queued);
            }
            Row::Expiring { job_no, first, end } => {
                ledger.expiring.insert((job_no, first), end);
            }
            Row::Request { index, id } => drop(self.requests.insert(index, id)),
            Row::Recent(recent) => ledger.recent = recent,
            Row::Series(series) => drop(ledger.series.insert(series.name.clone(), series)),
            Row::Lost { seq, lost } => drop(ledger.lost.insert(seq, lost)),
            Row::LateMark { job_no, newest } => drop(ledger.lates.insert(job_no, newest)),
            Row::History { .. } | Row::Late { .. } | Row::Skipped { .. } => {}
            Row::Keyed { index, keyed } => drop(ledger.keyed.insert(index, keyed)),
            Row::Activities(next) => ledger.activities = next,
            Row::VersionsSince(index) => ledger.versions_since = index,
            Row::Kept { job_no, sizes } => drop(ledger.kept.insert(job_no, sizes)),
            Row::Gone { index, gone } => drop(ledger.gone.insert(index, gone)),
            Row::Bucket { .. } | Row::Pointer(_) | Row::Activity(_) | Row::JobVersion { .. } => {}
            Row::Version(version) => ledger.version = version,
            Row::SchedulingPauses(pauses) => {
                ledger.pauses.extend(pauses.into_iter().map(|pause| (pause.id, pause)));
            }
            Row::Drains(drains) => {
                ledger.drains.extend(drains.into_iter().map(|drain| (drain.node.clone(), drain)));
            }
        }
    }

    pub fn finish(self) -> Result<Ledger, LoadError> {
        let mut ledger = self.ledger;
        let (version, rules) = (ledger.version(), ledger.rules());
        if version > CLUSTER_VERSION || rules > RULES {
            return Err(LoadError::TooNew { version, rules, known: CLUSTER_VERSION });
        }
        ledger.requests = self.requests.into_iter().collect();
        for (job_no, runtime) in self.runtimes {
            let version = runtime.version;
            let job = ledger.pinned.remove(&(job_no, version));
            let job = job.ok_or(LoadError::NoDefinition(job_no, version))?;
            let pins = BTreeMap::new();
            let state = JobState { job_no, job, runtime, pins };
            ledger.jobs.insert(job_no, Box::new(state));
        }
        ledger.count_pins()?;
        ledger.derived = ledger.derive();
        Ok(ledger)
    }
}

impl Ledger {
    /// From all working-set rows, in any order, as of the applied index; others are skipped.
    pub fn load(
        applied: LogIndex,
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<Ledger, LoadError> {
        let mut loader = Loader::new(applied);
        rows.into_iter().for_each(|row| loader.take(row));
        loader.finish()
    }

    fn count_pins(&mut self) -> Result<(), LoadError> {
        let groups = self.groups.values().map(|group| (group.job_no, group.version));
        let outputs = self.processing.values().map(|held| &held.record);
        let outputs = outputs.map(|record| (record.job_no, record.version));
        for (job_no, version) in groups.chain(outputs) {
            let missing = LoadError::NoDefinition(job_no, version);
            let state = self.jobs.get_mut(&job_no).ok_or(missing.clone())?;
            let in_force = state.runtime.version == version;
            if !in_force && !self.pinned.contains_key(&(job_no, version)) {
                return Err(missing);
            }
            *state.pins.entry(version).or_insert(0) += 1;
        }
        Ok(())
    }

    /// The indexes that follow from the state.
    pub(super) fn derive(&self) -> Derived {
        let mut derived = Derived::default();
        for state in self.jobs.values().filter(|state| !state.runtime.deleted) {
            let name = state.job.name.clone();
            if let Some(parent) = &state.job.parent_job {
                derived.children.entry(parent.clone()).or_default().insert(name.clone());
            }
            derived.due.extend(state.due().map(|due| (due, state.job_no)));
            derived.names.insert(name, state.job_no);
        }
        for live in self.groups.values() {
            let job = self.definition(live.job_no, live.version).expect("pins were counted");
            derived.holders.entry(job.name.clone()).or_default().insert(live.group);
            for slot in &live.slots {
                if slot.phase.is_live() {
                    derived.live.insert(slot.seq, live.group);
                    let node = slot.target.node.clone();
                    derived.by_node.entry(node).or_default().insert(slot.seq);
                }
                if slot.phase == Phase::Pending {
                    derived.pending.insert(slot.seq);
                }
                if let Phase::Waiting { retry_at } = slot.phase {
                    derived.retries.insert((retry_at, live.group, slot.seq));
                }
            }
        }
        derived.lost_order = self.lost.iter().map(|(seq, lost)| (lost.at, *seq)).collect();
        derived.known_requests = self.requests.iter().map(|(_, id)| *id).collect();
        derived.gone_names =
            self.gone.iter().map(|(index, gone)| (gone.name.clone(), *index)).collect();
        derived.keys = self.keyed.iter().map(|(index, keyed)| (keyed.key.name, *index)).collect();
        derived.owed_to = self.owed.keys().map(|(parent, child)| (*child, *parent)).collect();
        let held = self.processing.iter().map(|(seq, held)| (held.record.job_no, *seq));
        derived.processing_of = held.collect();
        for ((job_no, no), queued) in &self.queued {
            derived.queue_ends.insert((queued.until, *job_no, *no));
            let name = self.jobs.get(job_no).map(|state| &state.job.name);
            if name.is_some_and(|name| !derived.holders.contains_key(name)) {
                derived.ready.insert(*job_no);
            }
        }
        derived
    }

    /// Whether the derived indexes are what the state says: for tests and the explorer.
    pub fn is_consistent(&self) -> bool {
        self.derive() == self.derived
    }
}
