//! Each change of a definition leaves a row. How many there are of a job, and how large, is
//! bounded; those of deleted jobs go after a while.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::step::Step;
use crate::domain::{Job, JobName, JobNo, LogIndex, Verb, Version, limits};
use crate::ledger::outcome::RowOp;
use crate::ledger::row::{Row, RowKey};
use crate::ledger::versions::{Gone, JobVersion};

/// The rules under which versions are kept.
pub(super) const RULES: u32 = 4;
/// Deleted jobs that are forgotten with one entry because of their age.
const FORGOTTEN: usize = 8;

/// A job was created; if it was brought back, its former life is not needed any more.
pub(super) fn created(step: &mut Step<'_>, job_no: JobNo, job: &Arc<Job>) {
    if step.ledger.rules() < RULES {
        return;
    }
    put(step, job_no, Version(1), job.clone());
    let back = step.author.as_ref().is_some_and(|(_, verb)| *verb == Verb::Undelete);
    if let Some(index) = step.ledger.derived.gone_names.get(&job.name).copied().filter(|_| back) {
        forget(step, index);
    }
}

/// A job has another definition.
pub(super) fn changed(
    step: &mut Step<'_>,
    job_no: JobNo,
    (old_version, old): (Version, Arc<Job>),
    (version, job): (Version, Arc<Job>),
) {
    if step.ledger.rules() < RULES {
        return;
    }
    look_back(step, job_no, old_version, &old);
    let sizes = step.ledger.kept.remove(&job_no);
    let mut sizes: Vec<u32> = sizes.unwrap_or_else(|| [size(&old)].into());
    sizes.push(size(&job));
    put(step, job_no, version, job);
    let mut first = Version((version.0 + 1).saturating_sub(sizes.len() as u64));
    while sizes.len() > 1 && is_too_much(&sizes) {
        sizes.remove(0);
        step.rows.push(RowOp::Delete(RowKey::JobVersion(job_no, first)));
        first.0 += 1;
    }
    step.rows.push(RowOp::Put(Row::Kept { job_no, sizes: sizes.clone() }));
    step.ledger.kept.insert(job_no, sizes);
}

/// A job goes. Somebody may want it back, unless it went by itself.
pub(super) fn gone(step: &mut Step<'_>, job_no: JobNo, job: &Arc<Job>, may_return: bool) {
    if step.ledger.rules() < RULES {
        return;
    }
    let last = step.state(job_no).runtime.version;
    if may_return {
        look_back(step, job_no, last, job);
    }
    let kept = step.ledger.kept.remove(&job_no);
    if kept.is_some() {
        step.rows.push(RowOp::Delete(RowKey::Kept(job_no)));
    }
    let count = kept.map_or(1, |sizes| sizes.len() as u64);
    let (first, at) = (Version((last.0 + 1).saturating_sub(count)), step.at);
    let gone = Gone { name: job.name.clone(), job_no, first, last, at };
    if !may_return {
        return drop_rows(step, &gone);
    }
    let index = step.index;
    step.ledger.derived.gone_names.insert(gone.name.clone(), index);
    step.ledger.gone.insert(index, gone.clone());
    step.rows.push(RowOp::PutNew(Row::Gone { index, gone }));
    for _ in 0..FORGOTTEN {
        let Some((oldest, gone)) = step.ledger.gone.first_key_value() else { return };
        let over = step.ledger.gone.len() > limits::GONE_KEPT;
        if !over && step.at.since(gone.at) < limits::GONE_FOR {
            return;
        }
        let oldest = *oldest;
        forget(step, oldest);
    }
}

/// A job that is older than the rows of versions gets one for the definition that it has.
fn look_back(step: &mut Step<'_>, job_no: JobNo, version: Version, job: &Arc<Job>) {
    if !step.ledger.has_versions(job_no) {
        let (index, at) = (LogIndex(0), Default::default());
        let (by, from) = Default::default();
        let row = JobVersion { job: job.clone(), verb: None, at, index, by, from };
        step.rows.push(RowOp::PutNew(Row::JobVersion { job_no, version, row }));
    }
}

fn put(step: &mut Step<'_>, job_no: JobNo, version: Version, job: Arc<Job>) {
    let (by, from, verb) = match &step.author {
        Some((origin, verb)) => (origin.by.clone(), origin.from.clone(), Some(*verb)),
        None => Default::default(),
    };
    let (at, index) = (step.at, step.index);
    let row = JobVersion { job, verb, at, index, by, from };
    step.rows.push(RowOp::PutNew(Row::JobVersion { job_no, version, row }));
}

fn forget(step: &mut Step<'_>, index: LogIndex) {
    let Some(gone) = step.ledger.gone.remove(&index) else { return };
    if step.ledger.derived.gone_names.get(&gone.name) == Some(&index) {
        let earlier =
            |(index, other): (&LogIndex, &Gone)| (other.name == gone.name).then_some(*index);
        let before: Option<LogIndex> = step.ledger.gone.iter().rev().find_map(earlier);
        let names = &mut step.ledger.derived.gone_names;
        match before {
            Some(before) => drop(names.insert(JobName::clone(&gone.name), before)),
            None => drop(names.remove(&gone.name)),
        }
    }
    step.rows.push(RowOp::Delete(RowKey::Gone(index)));
    drop_rows(step, &gone);
}

fn drop_rows(step: &mut Step<'_>, gone: &Gone) {
    for version in gone.first.0..=gone.last.0 {
        step.rows.push(RowOp::Delete(RowKey::JobVersion(gone.job_no, Version(version))));
    }
}

fn is_too_much(sizes: &[u32]) -> bool {
    let bytes: u64 = sizes.iter().map(|size| u64::from(*size)).sum();
    sizes.len() > limits::VERSIONS_KEPT || bytes > limits::VERSIONS_BYTES
}

fn size(job: &Job) -> u32 {
    u32::try_from(job.bytes()).unwrap_or(u32::MAX)
}
