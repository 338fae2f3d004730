//! Figures over time: what is over stands in rings, what fills in the rows of job and series.

use std::collections::BTreeMap;

use dkron_core::domain::stats::{Bucket, Span};
use dkron_core::domain::{JobNo, NodeName, Timestamp, limits};
use dkron_core::ledger::{Row, RowKey, Series, SeriesNo};
use dkron_store::state::Scan;
use dkron_wire::Table;

use super::History;
use crate::rows;
use crate::service::{Buckets, Error, StatsQuery};

/// Whose figures, as far as the index knows them.
pub enum Asked {
    Cluster,
    /// `member` = it is one, though it may have run nothing.
    Node {
        name: NodeName,
        member: bool,
    },
    Job(JobNo),
}

/// Where buckets of one length are.
struct Source {
    span: Span,
    of: u64,
    /// Those before belong to somebody else.
    since: u32,
    /// The one that fills.
    open: Bucket,
}

impl History {
    /// Figures of whoever is asked about.
    pub fn stats(
        &self,
        asked: &Asked,
        query: &StatsQuery,
        now: Timestamp,
    ) -> Result<Buckets, Error> {
        match asked {
            Asked::Cluster => self.cluster_stats(query, now),
            Asked::Node { name, member } => self.node_stats(name, *member, query, now),
            Asked::Job(job_no) => self.job_stats(*job_no, query, now),
        }
    }

    fn job_stats(
        &self,
        job_no: JobNo,
        query: &StatsQuery,
        now: Timestamp,
    ) -> Result<Buckets, Error> {
        let Some(Row::Runtime { runtime, .. }) = self.row(&RowKey::Runtime(job_no))? else {
            return Ok(Vec::new());
        };
        let Some(rollup) = runtime.rollup else { return Ok(Vec::new()) };
        let open = match query.span {
            Span::Minute => return Err(Error::Invalid("a job has no minutes".into())),
            Span::Hour => rollup.hour.clone(),
            Span::Day => rollup.day.clone(),
        };
        let source = Source { span: query.span, of: job_no.0, since: 0, open };
        Ok(within(self.buckets(&source, now)?, query))
    }

    fn cluster_stats(&self, query: &StatsQuery, now: Timestamp) -> Result<Buckets, Error> {
        match self.row(&RowKey::Series(SeriesNo(0)))? {
            Some(Row::Series(series)) => self.series_stats(series, query, now),
            _ => Ok(Vec::new()),
        }
    }

    fn node_stats(
        &self,
        name: &NodeName,
        member: bool,
        query: &StatsQuery,
        now: Timestamp,
    ) -> Result<Buckets, Error> {
        let first = dkron_wire::row::key(&RowKey::Series(SeriesNo(0))).1;
        let scan = Scan::prefix(&first[..1], limits::NODE_SERIES + 1);
        for row in self.rows(Table::Meta, scan)? {
            if let Row::Series(series) = row
                && series.name == *name
            {
                return self.series_stats(series, query, now);
            }
        }
        if member { Ok(Vec::new()) } else { Err(Error::NodeNotFound) }
    }

    fn series_stats(
        &self,
        series: Series,
        query: &StatsQuery,
        now: Timestamp,
    ) -> Result<Buckets, Error> {
        let (of, since) = (u64::from(series.no.0), series.since);
        let source = Source { span: Span::Minute, of, since, open: series.minute };
        let minutes = self.buckets(&source, now)?;
        Ok(within(widen(minutes, query.span), query))
    }

    /// What is kept of one series, oldest first.
    fn buckets(&self, source: &Source, now: Timestamp) -> Result<Buckets, Error> {
        let span = source.span;
        // A ring may hold buckets that left the window, and after a wrong clock some of a future.
        let last = span.of(now).max(source.open.no);
        let first = (last + 1).saturating_sub(span.kept()).max(source.since);
        let prefix = dkron_wire::row::buckets_prefix(span, source.of);
        let kept = usize::try_from(span.kept()).unwrap_or(usize::MAX);
        let mut buckets = BTreeMap::new();
        for row in self.rows(Table::Ring, Scan::prefix(&prefix, kept))? {
            if let Row::Bucket { bucket, .. } = row
                && (first..=source.open.no).contains(&bucket.no)
            {
                buckets.insert(bucket.no, bucket);
            }
        }
        if source.open.no >= first {
            let open = buckets.entry(source.open.no).or_insert(Bucket::new(source.open.no));
            open.merge(&source.open);
        }
        Ok(buckets.into_values().collect())
    }

    /// One row by its key.
    pub(super) fn row(&self, key: &RowKey) -> Result<Option<Row>, Error> {
        let (table, key) = dkron_wire::row::key(key);
        let value = self.state.get(rows::keyspace(table), &key);
        let value = value.map_err(|err| Error::Storage(err.chain()))?;
        let decode = |value: Vec<u8>| dkron_wire::row::decode(table, &key, &value);
        value.map(decode).transpose().map_err(|err| Error::Storage(err.to_string()))
    }

    /// Rows of a table in the order of their keys.
    pub(super) fn rows(&self, table: Table, scan: Scan<'_>) -> Result<Vec<Row>, Error> {
        let rows = self.state.scan(rows::keyspace(table), scan);
        let rows = rows.map_err(|err| Error::Storage(err.chain()))?;
        let decode = |(key, value): (Vec<u8>, Vec<u8>)| {
            dkron_wire::row::decode(table, &key, &value)
                .map_err(|err| Error::Storage(err.to_string()))
        };
        rows.into_iter().map(decode).collect()
    }
}

/// Minutes as hours or days.
fn widen(minutes: Buckets, span: Span) -> Buckets {
    if span == Span::Minute {
        return minutes;
    }
    let mut wide: BTreeMap<u32, Bucket> = BTreeMap::new();
    for minute in minutes {
        let no = span.of(Span::Minute.start(minute.no));
        wide.entry(no).or_insert_with(|| Bucket::new(no)).merge(&minute);
    }
    wide.into_values().collect()
}

/// Those that lie at least partly within the time that was asked for.
fn within(mut buckets: Buckets, query: &StatsQuery) -> Buckets {
    let span = query.span;
    buckets.retain(|bucket| {
        let (start, end) = (span.start(bucket.no), span.start(bucket.no.saturating_add(1)));
        query.from.is_none_or(|from| end > from) && query.to.is_none_or(|to| start < to)
    });
    buckets
}
