//! The writer thread: drains the queue into one commit, then answers each command in order.
//!
//! A failure is final. After a failed commit nobody knows which bytes reached the disk, so the
//! log refuses everything until it is opened anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use super::view::Bytes;
use super::{Done, Shared};
use crate::Error;

pub(super) enum Step {
    Append(Vec<(u64, Bytes)>),
    Truncate(u64),
    Purge(u64, Vec<u8>),
    Vote(Vec<u8>),
}

pub(super) struct Command {
    pub(super) step: Step,
    pub(super) done: Done,
}

/// What one commit carries.
pub(super) struct Batch {
    pub(super) commands: Vec<Command>,
    pub(super) committed: Option<Vec<u8>>,
    /// Everything up to here is purged; a slice of it is removed with this commit.
    pub(super) leftover_upto: Option<u64>,
    seq: u64,
}

impl Step {
    pub(super) fn len(&self) -> usize {
        match self {
            Step::Append(entries) => entries.iter().map(|(_, bytes)| bytes.len() + 16).sum(),
            Step::Truncate(_) => 16,
            Step::Purge(_, bytes) | Step::Vote(bytes) => bytes.len() + 16,
        }
    }
}

pub(super) fn run(shared: &Shared) {
    while let Some(batch) = next_batch(shared) {
        let outcome = catch_unwind(AssertUnwindSafe(|| shared.table.commit(&batch)));
        let outcome = outcome.unwrap_or_else(|_| {
            let reason = format!("the engine of `{}` panicked", shared.path.display());
            Err(Error::Stopped { what: "the log", reason })
        });
        let failed = settle(shared, batch.seq, outcome);
        for command in batch.commands {
            let result = match &failed {
                None => Ok(()),
                Some(reason) => Err(Error::Stopped { what: "the log", reason: reason.clone() }),
            };
            // A caller's panic must not take the writer from all others.
            if catch_unwind(AssertUnwindSafe(|| (command.done)(result))).is_err() {
                tracing::error!("an answer to a log write panicked");
            }
        }
    }
}

/// Waits for something to do; none when the log is closed and nothing is left to save.
fn next_batch(shared: &Shared) -> Option<Batch> {
    let mut view = shared.lock();
    loop {
        let idle = view.queue.is_empty();
        let stopped = view.failed.is_some();
        if !idle || (view.leftover && !view.closing && !stopped) {
            break;
        }
        if view.closing {
            if stopped || !view.committed_dirty {
                return None;
            }
            break;
        }
        view = shared.work.wait(view).unwrap_or_else(PoisonError::into_inner);
    }
    view.queue_bytes = 0;
    let commands: Vec<Command> = view.queue.drain(..).collect();
    let committed = if view.committed_dirty { view.committed.clone() } else { None };
    view.committed_dirty = false;
    let purging = commands.iter().any(|command| matches!(command.step, Step::Purge(..)));
    let leftover = view.leftover || purging;
    let leftover_upto = view.purged.as_ref().map(|(index, _)| *index).filter(|_| leftover);
    let seq = view.seq_queued;
    shared.room.notify_all();
    Some(Batch { commands, committed, leftover_upto, seq })
}

/// Notes the outcome before anybody is told, so that nobody can see an older state than theirs.
fn settle(shared: &Shared, seq: u64, outcome: Result<bool, Error>) -> Option<String> {
    let mut view = shared.lock();
    match outcome {
        _ if view.failed.is_some() => {}
        Ok(leftover) => {
            view.leftover = leftover;
            view.committed_upto(seq);
        }
        Err(error) => {
            let reason = error.chain();
            tracing::error!(reason, "the log failed and takes no more writes");
            view.failed = Some(reason);
            shared.room.notify_all();
        }
    }
    view.failed.clone()
}
