//! Finished executions that are too old: the leader's walk over jobs that have an age limit.
//!
//! It walks slowly, a page of jobs a second, and reads only numbers and a few records of each; what
//! it finds is a wish of the conductor, which asks for it in the log.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{HistoryNo, JobNo, Timestamp};
use dkron_core::ledger::{Row, RowKey};
use dkron_store::state::State;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use crate::clocks;
use crate::event::Event;
use crate::rows;
use crate::service::{AgedPage, Error, Query};

/// Between two pages of jobs.
const PAUSE: Duration = Duration::from_secs(1);
/// From one walk to the next.
const WALK: Duration = Duration::from_secs(600);

/// What the task is started with.
pub struct Parts {
    pub state: Arc<State>,
    pub queries: mpsc::Sender<Query>,
    pub events: mpsc::UnboundedSender<Event>,
}

/// Walks until the node stops.
pub async fn run(parts: Parts) {
    let Parts { state, queries, events } = parts;
    let mut begun = Instant::now();
    let mut after = None;
    loop {
        sleep(PAUSE).await;
        let Some(page) = aged(&queries, after).await else { return };
        after = page.last;
        let (state, now) = (Arc::clone(&state), clocks::wall());
        let found = tokio::task::spawn_blocking(move || too_old(&state, &page, now));
        match found.await {
            Ok(Ok(found)) => {
                for (job_no, first) in found {
                    if events.send(Event::TooOld { job_no, first }).is_err() {
                        return;
                    }
                }
            }
            Ok(Err(err)) => tracing::warn!(%err, "old executions could not be looked for"),
            // The node is stopping.
            Err(_) => return,
        }
        if after.is_none() {
            sleep_until(begun + WALK).await;
            begun = Instant::now();
        }
    }
}

/// The next page; `None` when the reader is gone.
async fn aged(queries: &mpsc::Sender<Query>, after: Option<JobNo>) -> Option<AgedPage> {
    let (reply, answer) = oneshot::channel();
    queries.send(Query::Aged { after, reply }).await.ok()?;
    Some(answer.await.ok()?.unwrap_or_default())
}

/// Jobs of the page that keep what is too old, with the first record that may stay.
fn too_old(
    state: &State,
    page: &AgedPage,
    now: Timestamp,
) -> Result<Vec<(JobNo, HistoryNo)>, Error> {
    let mut found = Vec::new();
    for (job_no, keep_for) in &page.jobs {
        let Some(Row::Runtime { runtime, .. }) = read(state, &RowKey::Runtime(*job_no))? else {
            continue;
        };
        let limit = now.before(*keep_for);
        let old = |no| -> Result<bool, Error> {
            let row = read(state, &RowKey::History(*job_no, no))?;
            // One that is gone meanwhile went because it was older.
            Ok(match row {
                Some(Row::History { record, .. }) => record.finish.finished_at < limit,
                _ => true,
            })
        };
        let first = first_young(runtime.first_no, runtime.next_no, old)?;
        found.extend((first > runtime.first_no).then_some((*job_no, first)));
    }
    Ok(found)
}

/// The first of `first..end` that is not old, or `end`. Records are in the order of their ends, so
/// a job of which nothing is old costs one look.
fn first_young(
    first: HistoryNo,
    end: HistoryNo,
    old: impl Fn(HistoryNo) -> Result<bool, Error>,
) -> Result<HistoryNo, Error> {
    let (mut low, mut high) = (first.0, end.0);
    if low >= high || !old(first)? {
        return Ok(first);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if old(HistoryNo(middle))? { low = middle + 1 } else { high = middle }
    }
    Ok(HistoryNo(low))
}

fn read(state: &State, key: &RowKey) -> Result<Option<Row>, Error> {
    let (table, key) = dkron_wire::row::key(key);
    let value = state.get(rows::keyspace(table), &key);
    let value = value.map_err(|err| Error::Storage(err.chain()))?;
    let decode = |value: Vec<u8>| dkron_wire::row::decode(table, &key, &value);
    value.map(decode).transpose().map_err(|err| Error::Storage(err.to_string()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Records below `young` are old; how many were looked at is counted.
    fn found(first: u64, end: u64, young: u64) -> (u64, u32) {
        let looks = Cell::new(0);
        let old = |no: HistoryNo| {
            assert!((first..end).contains(&no.0), "record {no} is not there");
            looks.set(looks.get() + 1);
            Ok(no.0 < young)
        };
        let found = first_young(HistoryNo(first), HistoryNo(end), old).unwrap();
        (found.0, looks.get())
    }

    #[test]
    fn the_first_young_record() {
        for first in 0..4 {
            for end in first..first + 20 {
                for young in first..=end {
                    assert_eq!(found(first, end, young).0, young, "{first}..{end}");
                }
            }
        }
        assert_eq!(found(7, 1_000_007, 7).1, 1);
        assert!(found(7, 1_000_007, 500_000).1 <= 22);
    }
}
