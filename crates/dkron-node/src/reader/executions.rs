//! Finished executions and skipped slots, read from the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::{ExecutionId, JobNo, Late, Output, Record, Seq, Skipped, State, limits};
use dkron_core::ledger::Row;
use dkron_store::state::{self, Scan};
use dkron_wire::Table;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::outputs::{Store, name_of};
use crate::service::{Error, ExecutionView, Kept};

/// Finished executions that one answer holds at most.
const EXECUTIONS: usize = 10_000;
/// Single outputs that are being sent hold at most so much memory together; more is shed.
const OUTPUT_ROOM_KIB: usize = 128 << 10;
/// Outputs that one answer fetches from other servers, the newest.
const BROUGHT: usize = 256;
/// How long a list waits for them.
const LISTED_PATIENCE: Duration = Duration::from_secs(2);
/// How long one that is asked for is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The stored side of reading.
pub struct History {
    pub(super) state: Arc<state::State>,
    store: Store,
    /// Room for single outputs that are being sent, in KiB.
    output_room: Arc<Semaphore>,
}

impl History {
    pub fn new(state: Arc<state::State>, store: Store) -> History {
        History { state, store, output_room: Arc::new(Semaphore::new(OUTPUT_ROOM_KIB)) }
    }

    /// All executions of a job, newest first. `live` was read before: what ended since stands in
    /// both, and the finished one is right.
    pub fn executions(
        &self,
        job_no: JobNo,
        live: Vec<ExecutionView>,
    ) -> Result<Vec<ExecutionView>, Error> {
        let records = self.records(job_no)?;
        self.bring(records.iter().map(|record| &record.finish.output), LISTED_PATIENCE);
        let finished: BTreeSet<Seq> = records.iter().map(|record| record.seq).collect();
        let running = live.into_iter().filter(|view| !finished.contains(&view.id.seq));
        let mut views: Vec<ExecutionView> = running.collect();
        views.extend(records.iter().map(|record| self.view(record)));
        self.add_late(job_no, &mut views)?;
        views.sort_by_key(|view| std::cmp::Reverse(view.id.seq));
        Ok(views)
    }

    pub fn execution(
        &self,
        job_no: JobNo,
        live: Vec<ExecutionView>,
        id: &str,
    ) -> Result<ExecutionView, Error> {
        let wanted = ExecutionId::parse(id).ok_or(Error::ExecutionNotFound)?;
        let is_it = |record: &&Arc<Record>| record.seq == wanted.seq && record.node == wanted.node;
        let records = self.records(job_no)?;
        let finished = records.iter().find(is_it);
        self.bring(finished.map(|record| &record.finish.output), PATIENCE);
        let finished = finished.map(|record| self.view(record));
        let view = finished.or_else(|| live.into_iter().next());
        let mut view = [view.ok_or(Error::ExecutionNotFound)?];
        self.add_late(job_no, &mut view)?;
        let [view] = view;
        Ok(view)
    }

    /// Puts results that came late beside executions that were given up.
    fn add_late(&self, job_no: JobNo, views: &mut [ExecutionView]) -> Result<(), Error> {
        if views.iter().all(|view| view.state != State::Lost) {
            return Ok(());
        }
        let rows = self.scan(Table::Late, job_no, EXECUTIONS)?;
        let lates = rows.into_iter().filter_map(|row| match row {
            Row::Late { late, .. } => Some((late.seq, late)),
            _ => None,
        });
        let mut lates: BTreeMap<Seq, Late> = lates.collect();
        for view in views.iter_mut().filter(|view| view.state == State::Lost) {
            view.late = lates.remove(&view.id.seq).map(Box::new);
        }
        Ok(())
    }

    /// The output of an execution that has ended.
    pub fn output(&self, job_no: JobNo, id: &str) -> Result<Kept, Error> {
        let wanted = ExecutionId::parse(id).ok_or(Error::ExecutionNotFound)?;
        let is_it = |record: &&Arc<Record>| record.seq == wanted.seq && record.node == wanted.node;
        let records = self.records(job_no)?;
        let finish = &records.iter().find(is_it).ok_or(Error::ExecutionNotFound)?.finish;
        let room = match finish.output {
            Output::Stored { len, .. } => {
                let kib = u32::try_from(len.div_ceil(1024)).unwrap_or(u32::MAX);
                let room = Arc::clone(&self.output_room).try_acquire_many_owned(kib);
                Some(room.map_err(|_| Error::Busy)?)
            }
            _ => None,
        };
        self.bring([&finish.output], PATIENCE);
        let bytes = Bytes::from(self.store.read_here(&finish.output));
        let head = usize::try_from(finish.head).unwrap_or(usize::MAX).min(bytes.len());
        Ok(Kept { bytes, head, dropped: finish.dropped, state: finish.state, room })
    }

    pub fn skipped(&self, job_no: JobNo) -> Result<Vec<Skipped>, Error> {
        let kept = usize::try_from(limits::SKIPPED_KEPT).unwrap_or(usize::MAX);
        let rows = self.scan(Table::Skipped, job_no, kept)?;
        let skipped = rows.into_iter().filter_map(|row| match row {
            Row::Skipped { skipped, .. } => Some(skipped),
            _ => None,
        });
        Ok(skipped.collect())
    }

    /// Fetches what of these is not on this server, in the time that there is. Must be called where
    /// waiting is allowed.
    fn bring<'a>(&self, outputs: impl IntoIterator<Item = &'a Output>, patience: Duration) {
        let missing = outputs.into_iter().filter_map(name_of);
        let missing = missing.filter(|name| self.store.lacks(name));
        let missing: Vec<_> = missing.take(BROUGHT).collect();
        if !missing.is_empty()
            && let Ok(pool) = Handle::try_current()
        {
            pool.block_on(self.store.bring(missing, patience));
        }
    }

    fn records(&self, job_no: JobNo) -> Result<Vec<Arc<Record>>, Error> {
        let rows = self.scan(Table::History, job_no, EXECUTIONS)?;
        let records = rows.into_iter().filter_map(|row| match row {
            Row::History { record, .. } => Some(record),
            _ => None,
        });
        Ok(records.collect())
    }

    /// Newest first.
    pub(super) fn scan(
        &self,
        table: Table,
        job_no: JobNo,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let prefix = dkron_wire::row::job_prefix(job_no);
        self.rows(table, Scan::prefix(&prefix, limit).reverse())
    }

    pub(super) fn view(&self, record: &Record) -> ExecutionView {
        let output = self.store.read_here(&record.finish.output);
        ExecutionView { output, ..self.bare_view(record) }
    }

    /// Without its output.
    pub(super) fn bare_view(&self, record: &Record) -> ExecutionView {
        let finish = &record.finish;
        ExecutionView {
            id: ExecutionId { seq: record.seq, node: record.node.clone() },
            job_name: record.job_name.clone(),
            group: record.group,
            attempt: record.attempt,
            cause: record.cause.clone(),
            nominal: record.nominal,
            fired_at: record.fired_at,
            started_at: finish.started_at,
            finished_at: Some(finish.finished_at),
            state: finish.state,
            reason: finish.reason.word(),
            exit_code: finish.exit_code,
            output: Vec::new(),
            dropped: finish.dropped,
            cancelled: record.cancel.clone(),
            late: None,
        }
    }
}
