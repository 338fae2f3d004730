//! Processors are done with an output: the history keeps what they left, an ephemeral job may go.

use alloc::sync::Arc;

use super::report::leave_if_done;
use super::step::Step;
use crate::domain::{Finish, Record};
use crate::ledger::command::PutOutput;
use crate::ledger::outcome::{Reply, RowOp};
use crate::ledger::row::{Row, RowKey};

pub(super) fn apply(step: &mut Step<'_>, command: PutOutput) -> Reply {
    let Some(processing) = step.ledger.processing.remove(&command.seq) else {
        return Reply::Done;
    };
    step.rows.push(RowOp::Delete(RowKey::Processing(command.seq)));
    let old = &processing.record;
    let (job_no, version) = (old.job_no, old.version);
    step.ledger.derived.processing_of.remove(&(job_no, command.seq));
    let runtime = &step.state(job_no).runtime;
    if !runtime.deleted && processing.no >= runtime.first_no {
        let output = command.output;
        let head = if output == old.finish.output { old.finish.head } else { 0 };
        let finish = Finish { output, dropped: command.dropped, head, ..old.finish.clone() };
        let record = Arc::new(Record { finish, ..Record::clone(old) });
        step.rows.push(RowOp::Put(Row::History { no: processing.no, record }));
    }
    leave_if_done(step, job_no);
    step.unpin(job_no, version);
    Reply::Done
}
