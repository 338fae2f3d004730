//! Figures over time: an end counts for its job, its node and the cluster and gets a pointer in the
//! time index; a skipped slot counts for its job and the cluster.

use alloc::sync::Arc;

use super::step::Step;
use crate::domain::stats::{Ended, Span};
use crate::domain::{HistoryNo, JobNo, NodeName, Record, limits};
use crate::ledger::outcome::RowOp;
use crate::ledger::rollup::{Figure, Rollup, Series, SeriesNo};
use crate::ledger::row::Row;

/// An execution came into the history under that number.
pub(super) fn ended(step: &mut Step<'_>, no: HistoryNo, record: &Record) {
    let ended = Ended::new(record.nominal, record.attempt, &record.finish);
    let figure = Figure::Ended(ended);
    of_job(step, record.job_no, figure);
    of_series(step, &NodeName::default(), figure);
    of_series(step, &record.node, figure);
    let pointer = step.ledger.recent.point(step.at, record.job_no, no, record.seq);
    step.rows.push(RowOp::Put(Row::Pointer(pointer)));
}

/// Slots of a job did not run.
pub(super) fn skipped(step: &mut Step<'_>, job_no: JobNo, count: u64) {
    of_job(step, job_no, Figure::Skipped(count));
    of_series(step, &NodeName::default(), Figure::Skipped(count));
}

/// A job goes with its buckets.
pub(super) fn forget(step: &mut Step<'_>, job_no: JobNo) {
    let mut rollup = None;
    step.change(job_no, |runtime| rollup = runtime.rollup.take());
    if let Some(rollup) = rollup {
        step.rows.extend(rollup.keys(job_no).map(RowOp::Delete));
    }
}

fn of_job(step: &mut Step<'_>, job_no: JobNo, figure: Figure) {
    let at = step.at;
    let mut over = [None, None];
    step.change(job_no, |runtime| {
        let rollup = runtime.rollup.get_or_insert_with(|| Arc::new(Rollup::new(at)));
        over = Arc::make_mut(rollup).count(job_no, at, figure);
    });
    step.rows.extend(over.into_iter().flatten().map(RowOp::Put));
}

/// The cluster is the series without a name.
fn of_series(step: &mut Step<'_>, name: &NodeName, figure: Figure) {
    let at = step.at;
    let series = match step.ledger.series.get_mut(name) {
        Some(series) => series,
        None => {
            let series = place(step, name.clone());
            step.ledger.series.entry(name.clone()).or_insert(series)
        }
    };
    let over = series.count(at, figure);
    step.rows.extend(over.map(RowOp::Put));
    step.changed_series(name);
}

/// A number for a new series: the next one, or beyond the limit that of the node whose last
/// bucket is the oldest.
fn place(step: &mut Step<'_>, name: NodeName) -> Series {
    let now = Span::Minute.of(step.at);
    let all = &mut step.ledger.series;
    if name.is_empty() {
        return Series::new(SeriesNo(0), name, now);
    }
    let nodes = all.values().filter(|series| !series.name.is_empty());
    let count = nodes.clone().count();
    if count < limits::NODE_SERIES {
        let no = SeriesNo(u32::try_from(count).expect("the limit is small") + 1);
        return Series::new(no, name, now);
    }
    let oldest = nodes.min_by_key(|series| (series.minute.no, series.no));
    let oldest = oldest.expect("the limit is not zero").name.clone();
    let old = all.remove(&oldest).expect("seen above");
    // The bucket that filled was not stored, so all that are stored are older than this.
    Series::new(old.no, name, now.max(old.minute.no))
}
