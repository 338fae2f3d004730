//! When runs started, against when they were due. All hosts share one clock, so that a start can
//! be early only by the clock of the server that decided: by the skew that is tolerated while a
//! server's clock is off, and by nothing otherwise.

use super::{Verdict, View};
use crate::case::{Plan, SECOND};

/// What a leader whose clock is off may be ahead without handing over.
const SKEW: i64 = SECOND;
/// So long after the last fault everything starts within `LATE` again. The machine is small and
/// shared: this is a bound for being stuck, not a measure of speed.
const RECOVERY: i64 = 15 * SECOND;
const LATE: i64 = 5 * SECOND;

pub fn check(view: &View<'_>, verdict: &mut Verdict) {
    let plan = &view.case.plan;
    let (mut calm, mut faulty) = (Vec::new(), Vec::new());
    let healed = plan.bands.iter().map(|band| band.to).max().unwrap_or(0);
    for (job, told) in view.executions().filter(|(job, _)| job.period > 0) {
        let start = view.run(&told.id).and_then(|run| run.start());
        let (Some(due), Some(start)) = (told.scheduled, start) else { continue };
        let lag = start - due;
        if lag < -skew(plan, start) {
            let text = format!("{} started {} ms before it was due", told.id, -lag / 1_000);
            verdict.add("early", &job.name, text);
        }
        // Later attempts, and runs that waited for another one, are late on purpose.
        if told.attempt > 1 || job.concurrency == "queue" || job.concurrency == "replace" {
            continue;
        }
        let is_calm = !plan.bands.iter().any(|band| band.from <= start && due <= band.to);
        if is_calm {
            calm.push(lag)
        } else {
            faulty.push(lag)
        }
        if due > healed + RECOVERY && lag > LATE {
            let text = format!("{} started {} ms late", told.id, lag / 1_000);
            verdict.add("not recovered", &job.name, text);
        }
    }
    for (name, mut lags) in [("calm", calm), ("during faults", faulty)] {
        lags.sort_unstable();
        for (label, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            verdict.put(&format!("start lag {name}, {label} ms"), quantile(&lags, share) / 1_000);
        }
    }
}

fn skew(plan: &Plan, at: i64) -> i64 {
    let off = plan.bands.iter().any(|band| {
        band.name.contains("clock") && band.from <= at + SKEW && at <= band.to + RECOVERY
    });
    if off { SKEW } else { 0 }
}

fn quantile(sorted: &[i64], share: f64) -> i64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(0)
}
