//! The ledger as rows: what every replica's store holds. `dkron-wire` gives them bytes.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::activity::Activity;
use super::keyed::Keyed;
use super::recent::{Pointer, Recent};
use super::rollup::{BucketKey, Series, SeriesNo};
use super::state::{LiveGroup, Lost, Office, Processing, Queued, Runtime};
use super::versions::{Gone, JobVersion};
use crate::domain::stats::{Bucket, Span};
use crate::domain::{
    Drain, Group, HistoryNo, Job, JobNo, Late, LogIndex, QueueNo, Record, RequestId,
    SchedulingPause, Seq, Settings, SkipNo, Skipped, Timestamp, Version,
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
    /// Which pointers of the time index there are.
    Recent(Recent),
    Series(Series),
    /// A bucket that is over.
    Bucket {
        span: Span,
        /// A job's number; of minutes that of a series.
        of: u64,
        bucket: Bucket,
    },
    Pointer(Pointer),
    /// What the whole cluster knows.
    Version(u32),
    /// All nodes that take nothing new, by name: they are few, and change seldom.
    Drains(Vec<Drain>),
    /// All pauses of scheduling, by number: they are few, and change seldom.
    SchedulingPauses(Vec<SchedulingPause>),
    /// Its result may still come.
    Lost {
        seq: Seq,
        lost: Lost,
    },
    /// A result that came late, beside the record of that number.
    Late {
        job_no: JobNo,
        no: HistoryNo,
        late: Late,
    },
    /// A request that its client gave a name, with its answer.
    Keyed {
        index: LogIndex,
        keyed: Keyed,
    },
    /// How many writes were noted since version 4 of the cluster.
    Activities(u64),
    Activity(Activity),
    /// Jobs that were created behind this entry have rows of all their versions.
    VersionsSince(LogIndex),
    /// Sizes of the versions that are kept of a job.
    Kept {
        job_no: JobNo,
        sizes: Vec<u32>,
    },
    /// A job that was deleted with that entry.
    Gone {
        index: LogIndex,
        gone: Gone,
    },
    JobVersion {
        job_no: JobNo,
        version: Version,
        row: JobVersion,
    },
    /// Late results of a job stand at this number or below.
    LateMark {
        job_no: JobNo,
        newest: HistoryNo,
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
    Recent,
    Series(SeriesNo),
    Bucket(BucketKey),
    /// By its place in the ring.
    Pointer(u64),
    Version,
    Drains,
    Lost(Seq),
    Late(JobNo, HistoryNo),
    LateMark(JobNo),
    Keyed(LogIndex),
    Activities,
    VersionsSince,
    SchedulingPauses,
    Gone(LogIndex),
    Kept(JobNo),
    JobVersion(JobNo, Version),
    /// By its place in the ring.
    Activity(u64),
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
            Row::Recent(_) => RowKey::Recent,
            Row::Series(series) => RowKey::Series(series.no),
            Row::Bucket { span, of, bucket } => {
                RowKey::Bucket(BucketKey::new(*span, *of, bucket.no))
            }
            Row::Pointer(pointer) => RowKey::Pointer(Pointer::slot(pointer.no)),
            Row::Version(_) => RowKey::Version,
            Row::Drains(_) => RowKey::Drains,
            Row::SchedulingPauses(_) => RowKey::SchedulingPauses,
            Row::Lost { seq, .. } => RowKey::Lost(*seq),
            Row::Late { job_no, no, .. } => RowKey::Late(*job_no, *no),
            Row::LateMark { job_no, .. } => RowKey::LateMark(*job_no),
            Row::Keyed { index, .. } => RowKey::Keyed(*index),
            Row::Activities(_) => RowKey::Activities,
            Row::VersionsSince(_) => RowKey::VersionsSince,
            Row::Kept { job_no, .. } => RowKey::Kept(*job_no),
            Row::Gone { index, .. } => RowKey::Gone(*index),
            Row::JobVersion { job_no, version, .. } => RowKey::JobVersion(*job_no, *version),
            Row::Activity(activity) => RowKey::Activity(Activity::slot(activity.no)),
        }
    }

    /// Whether the ledger keeps it in memory; the others only live in the store: history with late
    /// results, skipped records, what charts and the time index hold of them, and what
    /// users did.
    pub fn is_working_set(&self) -> bool {
        use Row::{Activity, Bucket, History, JobVersion, Late, Pointer, Skipped};
        let kept = matches!(self, History { .. } | Late { .. } | Skipped { .. });
        !kept && !matches!(self, Bucket { .. } | Pointer(_) | Activity(_) | JobVersion { .. })
    }
}
