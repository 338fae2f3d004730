//! Results that come after their executions were given up. They are kept beside the record and
//! change nothing else: no counter, no slot, no child, no retry.

use super::step::Step;
use crate::domain::{Finish, HistoryNo, JobNo, Late, Output, Seq, State, limits};
use crate::ledger::outcome::RowOp;
use crate::ledger::row::{Row, RowKey};
use crate::ledger::state::Lost;

/// Lost executions that one entry forgets at most.
const FORGOTTEN_AT_ONCE: usize = 64;

/// An execution was given up and stands in the history under that number.
pub(super) fn expect(step: &mut Step<'_>, seq: Seq, job_no: JobNo, no: HistoryNo) {
    if step.ledger.rules() < 2 {
        return;
    }
    let lost = Lost { job_no, no, at: step.at };
    step.ledger.lost.insert(seq, lost);
    step.ledger.derived.lost_order.insert((lost.at, seq));
    step.rows.push(RowOp::PutNew(Row::Lost { seq, lost }));
    for _ in 0..FORGOTTEN_AT_ONCE {
        let Some((at, oldest)) = step.ledger.derived.lost_order.first().copied() else { return };
        let many = step.ledger.lost.len() > limits::LOST_KEPT;
        if !many && step.at.since(at) <= limits::LOST_FOR {
            return;
        }
        forget(step, oldest);
    }
}

/// The result of an execution that is not live. If it was given up, this is what became of it;
/// else it is known, or nobody can tell any more.
pub(super) fn report(step: &mut Step<'_>, seq: Seq, mut finish: Finish) {
    let Some(lost) = step.ledger.lost.get(&seq).copied() else { return };
    if finish.state == State::Lost {
        return;
    }
    forget(step, seq);
    let Lost { job_no, no, at } = lost;
    let state = step.ledger.jobs.get(&job_no).filter(|state| !state.runtime.deleted);
    let shown = state.is_some_and(|state| state.runtime.first_no <= no);
    if !shown || step.at.since(at) > limits::LOST_FOR {
        return;
    }
    if let Output::Stored { len, .. } = finish.output {
        // Stored outputs go with the records that name them; this is none.
        (finish.output, finish.head) = (Output::Empty, 0);
        finish.dropped = finish.dropped.saturating_add(len);
    }
    let late = Late { seq, at: step.at, finish };
    step.rows.push(RowOp::PutNew(Row::Late { job_no, no, late }));
    let newest = step.ledger.lates.entry(job_no).or_insert(no);
    *newest = no.max(*newest);
    step.rows.push(RowOp::Put(Row::LateMark { job_no, newest: *newest }));
}

/// Records of a job are gone, up to `end`: late results beside them go too.
pub(super) fn drop_until(step: &mut Step<'_>, job_no: JobNo, first: HistoryNo, end: HistoryNo) {
    let Some(newest) = step.ledger.lates.get(&job_no).copied() else { return };
    for no in first.0..end.0.min(newest.0 + 1) {
        step.rows.push(RowOp::Delete(RowKey::Late(job_no, HistoryNo(no))));
    }
    let ledger = &mut *step.ledger;
    let state = ledger.jobs.get(&job_no);
    let shown = state.is_some_and(|state| state.runtime.first_no <= newest);
    let owed = ledger.expiring.range((job_no, HistoryNo(0))..=(job_no, newest)).next();
    if !shown && owed.is_none() {
        ledger.lates.remove(&job_no);
        step.rows.push(RowOp::Delete(RowKey::LateMark(job_no)));
    }
}

fn forget(step: &mut Step<'_>, seq: Seq) {
    if let Some(lost) = step.ledger.lost.remove(&seq) {
        step.ledger.derived.lost_order.remove(&(lost.at, seq));
        step.rows.push(RowOp::Delete(RowKey::Lost(seq)));
    }
}
