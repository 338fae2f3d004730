//! The row writer: a thread that turns what was pushed within some 200 ms into one batch.
//!
//! A batch that cannot be written stays, is read from memory and is tried again, with growing
//! pauses, after the engine was opened anew. Nothing is dropped: the log could give it back, but
//! only with a restart.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use super::batch::Batch;
use super::engine;
use crate::Error;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(super) fn run(shared: &Shared) {
    while let Some(batch) = next_batch(shared) {
        let mut pause = PAUSE_MIN;
        while let Err(error) = write(shared, &batch) {
            if !note_failure(shared, &error, pause) {
                return;
            }
            pause = (pause * 2).min(PAUSE_MAX);
            shared.reopen();
        }
        let mut pending = shared.lock();
        if !pending.is_in_flight(&batch) {
            continue;
        }
        pending.stored = batch.upto;
        pending.in_flight = None;
        pending.trouble = None;
        pending.is_full = false;
        drop(pending);
        shared.settled.notify_all();
    }
}

/// Waits until there is a batch and it has collected long enough; none when closed and empty.
fn next_batch(shared: &Shared) -> Option<Arc<Batch>> {
    let mut pending = shared.lock();
    while pending.collecting.upto.is_none() {
        if pending.closing {
            return None;
        }
        pending = shared.work.wait(pending).unwrap_or_else(PoisonError::into_inner);
    }
    let until = Instant::now() + shared.options.collect;
    loop {
        let full = pending.collecting.bytes() >= shared.options.batch_bytes;
        let left = until.saturating_duration_since(Instant::now());
        if full || pending.hurry || pending.closing || left.is_zero() {
            break;
        }
        let waited = shared.work.wait_timeout(pending, left);
        pending = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    pending.hurry = false;
    let batch = Arc::new(std::mem::take(&mut pending.collecting));
    pending.in_flight = Some(Arc::clone(&batch));
    Some(batch)
}

/// Rows of a snapshot may have taken the place of all rows meanwhile; while the engine is held
/// they can not.
fn write(shared: &Shared, batch: &Arc<Batch>) -> Result<(), Error> {
    shared.with_engine(|engine| {
        let is_wanted = shared.lock().is_in_flight(batch);
        if is_wanted { engine.write(batch) } else { Ok(()) }
    })
}

/// Keeps the reason and waits; false when the store is closed meanwhile.
fn note_failure(shared: &Shared, error: &Error, pause: Duration) -> bool {
    let reason = error.chain();
    let mut pending = shared.lock();
    let full = error.is_full() || (pending.is_full && engine::gave_up(error));
    if full && !pending.is_full {
        tracing::error!(reason, "the disk is full: rows wait in memory for room");
    } else if !full {
        tracing::error!(reason, "rows could not be written, they stay in memory and wait");
    }
    pending.is_full = full;
    if !full && !engine::gave_up(error) {
        pending.broken = Some(reason.clone());
    }
    pending.failures += 1;
    pending.trouble = Some(reason);
    // Those who wait for a sync are told; the batch stays.
    shared.settled.notify_all();
    let until = Instant::now() + pause;
    loop {
        if pending.closing {
            return false;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        let waited = shared.work.wait_timeout(pending, left);
        pending = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}
