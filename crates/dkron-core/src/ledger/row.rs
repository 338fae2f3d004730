//! The ledger as rows: what every replica's store holds. `dkron-wire` gives them bytes.

use alloc::sync::Arc;

use super::state::{LiveGroup, Office, Processing, Queued, Runtime};
use crate::domain::{
    Group, HistoryNo, Job, JobNo, LogIndex, QueueNo, Record, RequestId, Seq, Settings, SkipNo,
    Skipped, Timestamp, Version,
};

/// One key with its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Row {
    Office(Office),
    Settings(Settings),
    Paused(bool),
    LastSeq(Seq),
    Definition {
        job_no: JobNo,
        version: Version,
        job: Arc<Job>,
    },
    Runtime {
        job_no: JobNo,
        runtime: Runtime,
    },
    Group(LiveGroup),
    /// The child is owed a fire since this instant.
    Owed {
        parent: Group,
        child: JobNo,
        at: Timestamp,
    },
    Processing(Processing),
    /// History rows `first..end` of a job that nobody can ask for.
    Expiring {
        job_no: JobNo,
        first: HistoryNo,
        end: HistoryNo,
    },
    Request {
        index: LogIndex,
        id: RequestId,
    },
    /// An occurrence that waits for its turn.
    Queued {
        job_no: JobNo,
        no: QueueNo,
        queued: Queued,
    },
    History {
        no: HistoryNo,
        record: Arc<Record>,
    },
    Skipped {
        job_no: JobNo,
        no: SkipNo,
        skipped: Skipped,
    },
}

/// The key of a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RowKey {
    Office,
    Settings,
    Paused,
    LastSeq,
    Definition(JobNo, Version),
    Runtime(JobNo),
    Group(Group),
    Owed(Group, JobNo),
    Processing(Seq),
    Expiring(JobNo, HistoryNo),
    Request(LogIndex),
    Queued(JobNo, QueueNo),
    History(JobNo, HistoryNo),
    Skipped(JobNo, SkipNo),
}

impl Row {
    pub fn key(&self) -> RowKey {
        match self {
            Row::Office(_) => RowKey::Office,
            Row::Settings(_) => RowKey::Settings,
            Row::Paused(_) => RowKey::Paused,
            Row::LastSeq(_) => RowKey::LastSeq,
            Row::Definition { job_no, version, .. } => RowKey::Definition(*job_no, *version),
            Row::Runtime { job_no, .. } => RowKey::Runtime(*job_no),
            Row::Group(group) => RowKey::Group(group.group),
            Row::Owed { parent, child, .. } => RowKey::Owed(*parent, *child),
            Row::Processing(processing) => RowKey::Processing(processing.record.seq),
            Row::Expiring { job_no, first, .. } => RowKey::Expiring(*job_no, *first),
            Row::Request { index, .. } => RowKey::Request(*index),
            Row::Queued { job_no, no, .. } => RowKey::Queued(*job_no, *no),
            Row::History { no, record } => RowKey::History(record.job_no, *no),
            Row::Skipped { job_no, no, .. } => RowKey::Skipped(*job_no, *no),
        }
    }

    /// Whether the ledger keeps it in memory; history and skipped rows only live in the store.
    pub fn is_working_set(&self) -> bool {
        !matches!(self, Row::History { .. } | Row::Skipped { .. })
    }
}
