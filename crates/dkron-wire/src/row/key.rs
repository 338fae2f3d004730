//! Keys of rows: numbers that sort as bytes.

use dkron_core::domain::stats::Span;
use dkron_core::domain::{Group, HistoryNo, JobNo, LogIndex, QueueNo, Seq, SkipNo, Version};
use dkron_core::ledger::{BucketKey, RowKey, SeriesNo};

use crate::error::Error;
use crate::table::Table;

/// Keys within `Table::Meta`. Numbers are for ever.
const OFFICE: u8 = 0;
const SETTINGS: u8 = 1;
const PAUSED: u8 = 2;
const LAST_SEQ: u8 = 3;
const RECENT: u8 = 4;
/// With the number of the series behind it.
const SERIES: u8 = 5;
const VERSION: u8 = 6;
const DRAINS: u8 = 7;
/// With the number of the job behind it.
const LATE_MARK: u8 = 8;
const SCHEDULING_PAUSES: u8 = 12;
/// With the index of the entry behind it.
const KEYED: u8 = 9;
const ACTIVITIES: u8 = 10;
const VERSIONS_SINCE: u8 = 11;
/// With the index of the entry behind it.
const GONE: u8 = 13;
/// With the number of the job behind it.
const KEPT: u8 = 14;

/// Rings within `Table::Ring`. Numbers are for ever.
const MINUTES: u8 = 0;
const HOURS: u8 = 1;
const DAYS: u8 = 2;
const POINTERS: u8 = 3;
const ACTIVITY: u8 = 4;

/// Table and bytes of a key.
pub fn key(key: &RowKey) -> (Table, Vec<u8>) {
    match *key {
        RowKey::Office => (Table::Meta, vec![OFFICE]),
        RowKey::Settings => (Table::Meta, vec![SETTINGS]),
        RowKey::Paused => (Table::Meta, vec![PAUSED]),
        RowKey::LastSeq => (Table::Meta, vec![LAST_SEQ]),
        RowKey::Definition(job_no, version) => (Table::Definition, two(job_no.0, version.0)),
        RowKey::Runtime(job_no) => (Table::Runtime, one(job_no.0)),
        RowKey::Group(group) => (Table::Group, one(group.0)),
        RowKey::Owed(parent, child) => (Table::Owed, two(parent.0, child.0)),
        RowKey::Processing(seq) => (Table::Processing, one(seq.0)),
        RowKey::Expiring(job_no, first) => (Table::Expiring, two(job_no.0, first.0)),
        RowKey::Request(index) => (Table::Request, one(index.0)),
        RowKey::Queued(job_no, no) => (Table::Queued, two(job_no.0, no.0)),
        RowKey::History(job_no, no) => (Table::History, two(job_no.0, no.0)),
        RowKey::Skipped(job_no, no) => (Table::Skipped, two(job_no.0, no.0)),
        RowKey::Recent => (Table::Meta, vec![RECENT]),
        RowKey::Version => (Table::Meta, vec![VERSION]),
        RowKey::Drains => (Table::Meta, vec![DRAINS]),
        RowKey::SchedulingPauses => (Table::Meta, vec![SCHEDULING_PAUSES]),
        RowKey::Lost(seq) => (Table::Lost, one(seq.0)),
        RowKey::Late(job_no, no) => (Table::Late, two(job_no.0, no.0)),
        RowKey::LateMark(no) => (Table::Meta, [&[LATE_MARK][..], &no.0.to_be_bytes()].concat()),
        RowKey::Series(no) => (Table::Meta, [&[SERIES][..], &no.0.to_be_bytes()].concat()),
        RowKey::Bucket(key) => (Table::Ring, bucket(key)),
        RowKey::Activities => (Table::Meta, vec![ACTIVITIES]),
        RowKey::VersionsSince => (Table::Meta, vec![VERSIONS_SINCE]),
        RowKey::Gone(index) => (Table::Meta, [&[GONE][..], &index.0.to_be_bytes()].concat()),
        RowKey::Kept(no) => (Table::Meta, [&[KEPT][..], &no.0.to_be_bytes()].concat()),
        RowKey::JobVersion(job_no, version) => (Table::Version, two(job_no.0, version.0)),
        RowKey::Keyed(index) => (Table::Meta, [&[KEYED][..], &index.0.to_be_bytes()].concat()),
        RowKey::Activity(slot) => (Table::Ring, [&[ACTIVITY][..], &slot.to_be_bytes()].concat()),
        RowKey::Pointer(slot) => (Table::Ring, [&[POINTERS][..], &slot.to_be_bytes()].concat()),
    }
}

/// The key that `key` wrote.
pub fn decode_key(table: Table, key: &[u8]) -> Result<RowKey, Error> {
    Ok(match table {
        Table::Meta => match key {
            [SERIES, no @ ..] => RowKey::Series(SeriesNo(u32::from_be_bytes(parts(table, no)?))),
            [LATE_MARK, no @ ..] => RowKey::LateMark(JobNo(read_one(table, no)?)),
            [GONE, index @ ..] => RowKey::Gone(LogIndex(read_one(table, index)?)),
            [KEPT, no @ ..] => RowKey::Kept(JobNo(read_one(table, no)?)),
            [KEYED, index @ ..] => RowKey::Keyed(LogIndex(read_one(table, index)?)),
            _ => single(parts(table, key)?)?,
        },
        Table::Ring => ring(key)?,
        Table::Runtime => RowKey::Runtime(JobNo(read_one(table, key)?)),
        Table::Group => RowKey::Group(Group(read_one(table, key)?)),
        Table::Processing => RowKey::Processing(Seq(read_one(table, key)?)),
        Table::Request => RowKey::Request(LogIndex(read_one(table, key)?)),
        Table::Definition => {
            let (job_no, version) = read_two(table, key)?;
            RowKey::Definition(JobNo(job_no), Version(version))
        }
        Table::Version => {
            let (job_no, version) = read_two(table, key)?;
            RowKey::JobVersion(JobNo(job_no), Version(version))
        }
        Table::Owed => {
            let (parent, child) = read_two(table, key)?;
            RowKey::Owed(Group(parent), JobNo(child))
        }
        Table::Expiring => {
            let (job_no, first) = read_two(table, key)?;
            RowKey::Expiring(JobNo(job_no), HistoryNo(first))
        }
        Table::Queued => {
            let (job_no, no) = read_two(table, key)?;
            RowKey::Queued(JobNo(job_no), QueueNo(no))
        }
        Table::History => {
            let (job_no, no) = read_two(table, key)?;
            RowKey::History(JobNo(job_no), HistoryNo(no))
        }
        Table::Lost => RowKey::Lost(Seq(read_one(table, key)?)),
        Table::Late => {
            let (job_no, no) = read_two(table, key)?;
            RowKey::Late(JobNo(job_no), HistoryNo(no))
        }
        Table::Skipped => {
            let (job_no, no) = read_two(table, key)?;
            RowKey::Skipped(JobNo(job_no), SkipNo(no))
        }
    })
}

fn single([code]: [u8; 1]) -> Result<RowKey, Error> {
    Ok(match code {
        OFFICE => RowKey::Office,
        SETTINGS => RowKey::Settings,
        PAUSED => RowKey::Paused,
        LAST_SEQ => RowKey::LastSeq,
        RECENT => RowKey::Recent,
        VERSION => RowKey::Version,
        DRAINS => RowKey::Drains,
        SCHEDULING_PAUSES => RowKey::SchedulingPauses,
        ACTIVITIES => RowKey::Activities,
        VERSIONS_SINCE => RowKey::VersionsSince,
        code => return Err(Error::UnknownSingle { code }),
    })
}

fn bucket(key: BucketKey) -> Vec<u8> {
    let ring = match key.span {
        Span::Minute => MINUTES,
        Span::Hour => HOURS,
        Span::Day => DAYS,
    };
    [&[ring][..], &key.of.to_be_bytes(), &key.slot.to_be_bytes()].concat()
}

fn ring(key: &[u8]) -> Result<RowKey, Error> {
    let span = match key.first() {
        Some(&MINUTES) => Span::Minute,
        Some(&HOURS) => Span::Hour,
        Some(&DAYS) => Span::Day,
        Some(&POINTERS) => return read_one(Table::Ring, &key[1..]).map(RowKey::Pointer),
        Some(&ACTIVITY) => return read_one(Table::Ring, &key[1..]).map(RowKey::Activity),
        Some(&code) => return Err(Error::UnknownRing { code }),
        None => return Err(Error::KeyLength { table: Table::Ring.name(), len: 0, must: 13 }),
    };
    let rest = parts::<12>(Table::Ring, &key[1..])?;
    let (of, slot) = rest.split_at(8);
    let of = u64::from_be_bytes(parts(Table::Ring, of)?);
    let slot = u32::from_be_bytes(parts(Table::Ring, slot)?);
    Ok(RowKey::Bucket(BucketKey { span, of, slot }))
}

/// What the keys of the buckets of a job or a series start with.
pub fn buckets_prefix(span: Span, of: u64) -> Vec<u8> {
    let mut prefix = bucket(BucketKey { span, of, slot: 0 });
    prefix.truncate(9);
    prefix
}

/// What the keys of a job's rows start with in tables that are ordered by job: definition,
/// runtime, expiring, history, late, skipped, version.
pub const fn job_prefix(job_no: JobNo) -> [u8; 8] {
    job_no.0.to_be_bytes()
}

fn one(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn two(major: u64, minor: u64) -> Vec<u8> {
    [major.to_be_bytes(), minor.to_be_bytes()].concat()
}

fn read_one(table: Table, key: &[u8]) -> Result<u64, Error> {
    parts(table, key).map(u64::from_be_bytes)
}

fn read_two(table: Table, key: &[u8]) -> Result<(u64, u64), Error> {
    let both = u128::from_be_bytes(parts(table, key)?);
    let low = u128::from(u64::MAX);
    Ok(((both >> 64) as u64, (both & low) as u64))
}

fn parts<const N: usize>(table: Table, key: &[u8]) -> Result<[u8; N], Error> {
    key.try_into().map_err(|_| Error::KeyLength { table: table.name(), len: key.len(), must: N })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_bytes_is_order_of_numbers() {
        let numbers = [0, 1, 255, 256, 65_535, 1 << 32, u64::MAX];
        let mut keys = Vec::new();
        for job_no in numbers {
            for no in numbers {
                keys.push(RowKey::History(JobNo(job_no), HistoryNo(no)));
            }
        }
        assert!(keys.is_sorted());
        assert!(keys.iter().map(|row| key(row).1).is_sorted());
        for row in keys {
            let (table, bytes) = key(&row);
            assert_eq!(decode_key(table, &bytes), Ok(row));
            let RowKey::History(job_no, _) = row else {
                continue;
            };
            assert!(bytes.starts_with(&job_prefix(job_no)));
        }
    }

    #[test]
    fn a_wrong_key_says_what_is_wrong() {
        let text = |table, key: &[u8]| decode_key(table, key).map_err(|error| error.to_string());
        assert_eq!(
            text(Table::History, &[0; 15]),
            Err("key of table history has 15 bytes, must have 16".into())
        );
        assert_eq!(
            text(Table::Meta, &[]),
            Err("key of table meta has 0 bytes, must have 1".into())
        );
        assert_eq!(
            text(Table::Meta, &[99]),
            Err("this server does not know row 99 of table meta: upgrade it".into())
        );
    }
}
