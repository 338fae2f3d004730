//! A row of state or history: in which table, under which key, with which value.
//!
//! ```text
//!   key    numbers big-endian, so that the order of bytes is the order of numbers
//!   value  format u8 | kind_version u8 | body (postcard)
//! ```
//!
//! The key tells the kind, so the value doesn't repeat it; numbers of the key are in the value
//! only where the word holds them itself, and then they must agree.

mod key;

use dkron_core::ledger::{BucketKey, Row, RowKey, RowOp};

use crate::error::Error;
use crate::kind::{Family, Kind};
use crate::table::Table;
use crate::word::Word;
use crate::{FORMAT, body};

pub use key::{buckets_prefix, decode_key, job_prefix, key};

/// Room for most values, so that the buffer seldom grows.
const ROOM: usize = 128;

/// What the store is asked to do with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub table: Table,
    pub key: Vec<u8>,
    /// `None` removes the row.
    pub value: Option<Vec<u8>>,
    /// The key was never stored before.
    pub fresh: bool,
}

/// A change of the ledger's rows as the store takes it.
pub fn change(op: &RowOp) -> Change {
    let (row, fresh) = match op {
        RowOp::Put(row) => (row, false),
        RowOp::PutNew(row) => (row, true),
        RowOp::Delete(row_key) => {
            let (table, key) = key(row_key);
            return Change { table, key, value: None, fresh: false };
        }
    };
    let (table, key, value) = encode(row);
    Change { table, key, value: Some(value), fresh }
}

/// Table, key and value of a row.
pub fn encode(row: &Row) -> (Table, Vec<u8>, Vec<u8>) {
    let row_key = row.key();
    let mut bytes = Vec::with_capacity(ROOM);
    bytes.push(FORMAT);
    bytes.push(kind_of(&row_key).version());
    let value = match row {
        Row::Office(office) => body::write(bytes, &office.form()),
        Row::Settings(settings) => body::write(bytes, &settings.form()),
        Row::Paused(paused) => body::write(bytes, &paused.form()),
        Row::LastSeq(seq) => body::write(bytes, &seq.form()),
        Row::Definition { job, .. } => body::write(bytes, &job.form()),
        Row::Runtime { runtime, .. } => body::write(bytes, &runtime.form()),
        Row::Group(group) => body::write(bytes, &group.form()),
        Row::Owed { at, .. } => body::write(bytes, &at.form()),
        Row::Processing(processing) => body::write(bytes, &processing.form()),
        Row::Expiring { end, .. } => body::write(bytes, &end.form()),
        Row::Request { id, .. } => body::write(bytes, &id.form()),
        Row::Queued { queued, .. } => body::write(bytes, &queued.form()),
        Row::History { record, .. } => body::write(bytes, &record.form()),
        Row::Skipped { skipped, .. } => body::write(bytes, &skipped.form()),
        Row::Recent(recent) => body::write(bytes, &recent.form()),
        Row::Series(series) => body::write(bytes, &series.form()),
        Row::Bucket { bucket, .. } => body::write(bytes, &bucket.form()),
        Row::Pointer(pointer) => body::write(bytes, &pointer.form()),
        Row::Version(version) => body::write(bytes, &version.form()),
        Row::Drains(drains) => body::write(bytes, &drains.form()),
        Row::SchedulingPauses(pauses) => body::write(bytes, &pauses.form()),
        Row::Lost { lost, .. } => body::write(bytes, &lost.form()),
        Row::Late { late, .. } => body::write(bytes, &late.form()),
        Row::LateMark { newest, .. } => body::write(bytes, &newest.form()),
        Row::Keyed { keyed, .. } => body::write(bytes, &keyed.form()),
        Row::Activities(next) => body::write(bytes, &next.form()),
        Row::VersionsSince(index) => body::write(bytes, &index.form()),
        Row::Kept { sizes, .. } => body::write(bytes, &sizes.form()),
        Row::Gone { gone, .. } => body::write(bytes, &gone.form()),
        Row::JobVersion { row, .. } => body::write(bytes, &row.form()),
        Row::Activity(activity) => body::write(bytes, &activity.form()),
    };
    let (table, key) = key(&row_key);
    (table, key, value)
}

/// The row that `encode` wrote.
pub fn decode(table: Table, key: &[u8], value: &[u8]) -> Result<Row, Error> {
    let row_key = decode_key(table, key)?;
    let kind = kind_of(&row_key);
    let bytes = open(kind, value)?;
    let row = match row_key {
        RowKey::Office => Row::Office(body::read(kind, bytes)?),
        RowKey::Settings => Row::Settings(body::read(kind, bytes)?),
        RowKey::Paused => Row::Paused(body::read(kind, bytes)?),
        RowKey::LastSeq => Row::LastSeq(body::read(kind, bytes)?),
        RowKey::Definition(job_no, version) => {
            Row::Definition { job_no, version, job: body::read(kind, bytes)? }
        }
        RowKey::Runtime(job_no) => Row::Runtime { job_no, runtime: body::read(kind, bytes)? },
        RowKey::Group(_) => Row::Group(body::read(kind, bytes)?),
        RowKey::Owed(parent, child) => Row::Owed { parent, child, at: body::read(kind, bytes)? },
        RowKey::Processing(_) => Row::Processing(body::read(kind, bytes)?),
        RowKey::Expiring(job_no, first) => {
            Row::Expiring { job_no, first, end: body::read(kind, bytes)? }
        }
        RowKey::Request(index) => Row::Request { index, id: body::read(kind, bytes)? },
        RowKey::Queued(job_no, no) => Row::Queued { job_no, no, queued: body::read(kind, bytes)? },
        RowKey::History(_, no) => Row::History { no, record: body::read(kind, bytes)? },
        RowKey::Skipped(job_no, no) => {
            Row::Skipped { job_no, no, skipped: body::read(kind, bytes)? }
        }
        RowKey::Recent => Row::Recent(body::read(kind, bytes)?),
        RowKey::Series(_) => Row::Series(body::read(kind, bytes)?),
        RowKey::Bucket(key) => {
            let BucketKey { span, of, .. } = key;
            Row::Bucket { span, of, bucket: body::read(kind, bytes)? }
        }
        RowKey::Pointer(_) => Row::Pointer(body::read(kind, bytes)?),
        RowKey::Version => Row::Version(body::read(kind, bytes)?),
        RowKey::Drains => Row::Drains(body::read(kind, bytes)?),
        RowKey::SchedulingPauses => Row::SchedulingPauses(body::read(kind, bytes)?),
        RowKey::Lost(seq) => Row::Lost { seq, lost: body::read(kind, bytes)? },
        RowKey::Late(job_no, no) => Row::Late { job_no, no, late: body::read(kind, bytes)? },
        RowKey::LateMark(job_no) => Row::LateMark { job_no, newest: body::read(kind, bytes)? },
        RowKey::Keyed(index) => Row::Keyed { index, keyed: body::read(kind, bytes)? },
        RowKey::Activities => Row::Activities(body::read(kind, bytes)?),
        RowKey::VersionsSince => Row::VersionsSince(body::read(kind, bytes)?),
        RowKey::Kept(job_no) => Row::Kept { job_no, sizes: body::read(kind, bytes)? },
        RowKey::Gone(index) => Row::Gone { index, gone: body::read(kind, bytes)? },
        RowKey::JobVersion(job_no, version) => {
            Row::JobVersion { job_no, version, row: body::read(kind, bytes)? }
        }
        RowKey::Activity(_) => Row::Activity(body::read(kind, bytes)?),
    };
    if row.key() != row_key {
        return Err(Error::WrongKey { kind });
    }
    Ok(row)
}

/// The number of a row.
pub const fn kind_of(key: &RowKey) -> Kind {
    match key {
        RowKey::Office => Kind::OfficeRow,
        RowKey::Settings => Kind::SettingsRow,
        RowKey::Paused => Kind::PausedRow,
        RowKey::LastSeq => Kind::LastSeqRow,
        RowKey::Definition(..) => Kind::DefinitionRow,
        RowKey::Runtime(_) => Kind::RuntimeRow,
        RowKey::Group(_) => Kind::GroupRow,
        RowKey::Owed(..) => Kind::OwedRow,
        RowKey::Processing(_) => Kind::ProcessingRow,
        RowKey::Expiring(..) => Kind::ExpiringRow,
        RowKey::Request(_) => Kind::RequestRow,
        RowKey::Queued(..) => Kind::QueuedRow,
        RowKey::History(..) => Kind::HistoryRow,
        RowKey::Skipped(..) => Kind::SkippedRow,
        RowKey::Recent => Kind::RecentRow,
        RowKey::Series(_) => Kind::SeriesRow,
        RowKey::Bucket(_) => Kind::BucketRow,
        RowKey::Pointer(_) => Kind::PointerRow,
        RowKey::Version => Kind::VersionRow,
        RowKey::Drains => Kind::DrainsRow,
        RowKey::SchedulingPauses => Kind::SchedulingPausesRow,
        RowKey::Lost(_) => Kind::LostRow,
        RowKey::Late(..) => Kind::LateRow,
        RowKey::LateMark(_) => Kind::LateMarkRow,
        RowKey::Keyed(_) => Kind::KeyedRow,
        RowKey::Activities => Kind::ActivitiesRow,
        RowKey::VersionsSince => Kind::VersionsSinceRow,
        RowKey::Kept(_) => Kind::KeptRow,
        RowKey::Gone(_) => Kind::GoneRow,
        RowKey::JobVersion(..) => Kind::JobVersionRow,
        RowKey::Activity(_) => Kind::ActivityRow,
    }
}

fn open(kind: Kind, value: &[u8]) -> Result<&[u8], Error> {
    let short = Error::Short { what: Family::Row, len: value.len(), least: 2 };
    let (&[format, version], rest) = value.split_first_chunk().ok_or(short)?;
    if format != FORMAT {
        let what = Family::Row;
        return Err(Error::UnknownFormat { what, format });
    }
    if version != kind.version() {
        return Err(Error::UnknownVersion { kind, version });
    }
    Ok(rest)
}
