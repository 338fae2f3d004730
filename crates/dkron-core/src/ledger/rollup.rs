//! Figures over time: buckets that fill, and rings of keys for those that are over. A ring needs no
//! deletes and never grows: a new bucket takes the key of one that left the window.

use super::row::{Row, RowKey};
use crate::domain::stats::{Bucket, Ended, Span};
use crate::domain::{JobNo, NodeName, Timestamp};

/// The buckets of a job that fill, part of its runtime state; a job that did nothing has none.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rollup {
    /// The hour of the first bucket.
    pub since: u32,
    pub hour: Bucket,
    pub day: Bucket,
}

/// Number of a series of minutes: 0 = the cluster, others are nodes. A node that ran nothing for
/// the longest time loses its number to a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SeriesNo(pub u32);

/// The minutes of the cluster or a node.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Series {
    pub no: SeriesNo,
    /// Empty for the cluster.
    pub name: NodeName,
    /// Buckets before this minute are of whoever had the number before.
    pub since: u32,
    pub minute: Bucket,
}

/// The key of a bucket that is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BucketKey {
    pub span: Span,
    /// A job's number; of minutes that of a series.
    pub of: u64,
    /// Within the ring: the bucket's number modulo the length of the ring.
    pub slot: u32,
}

impl BucketKey {
    /// Where the bucket of that number stands.
    pub const fn new(span: Span, of: u64, no: u32) -> Self {
        BucketKey { span, of, slot: no % span.kept() }
    }
}

/// What happens to buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Figure {
    Ended(Ended),
    Skipped(u64),
}

impl Figure {
    fn count(self, bucket: &mut Bucket) {
        match self {
            Figure::Ended(ended) => bucket.ended(ended),
            Figure::Skipped(count) => bucket.skipped(count),
        }
    }
}

/// Counts in the bucket that fills, or in a new one if its time has come; the answer is the one
/// that is over. A bucket does not go back: what comes late counts in the one that fills. Only if
/// that is further ahead than the ring is long, the clock was wrong when it began.
fn count(open: &mut Bucket, span: Span, at: Timestamp, figure: Figure) -> Option<Bucket> {
    let no = span.of(at);
    let wrong = no.saturating_add(span.kept()) < open.no;
    let over = (no > open.no || wrong).then(|| core::mem::replace(open, Bucket::new(no)));
    figure.count(open);
    over
}

impl Rollup {
    pub fn new(at: Timestamp) -> Self {
        let hour = Span::Hour.of(at);
        Rollup { since: hour, hour: Bucket::new(hour), day: Bucket::new(Span::Day.of(at)) }
    }

    /// Counts; what is over becomes rows.
    pub(super) fn count(
        &mut self,
        job_no: JobNo,
        at: Timestamp,
        figure: Figure,
    ) -> [Option<Row>; 2] {
        let over = [
            (Span::Hour, count(&mut self.hour, Span::Hour, at, figure)),
            (Span::Day, count(&mut self.day, Span::Day, at, figure)),
        ];
        // After a clock that was wrong nobody knows which keys are in use.
        self.since = if self.hour.no < self.since { 0 } else { self.since };
        over.map(|(span, bucket)| Some(closed(span, job_no.0, bucket?)))
    }

    /// Keys of buckets that may be stored.
    pub(super) fn keys(&self, job_no: JobNo) -> impl Iterator<Item = RowKey> + use<> {
        let (since, hour) = (self.since, self.hour.no);
        let hours = (hour.saturating_sub(Span::Hour.kept()).max(since)..hour)
            .map(move |no| BucketKey::new(Span::Hour, job_no.0, no));
        let (since, day) = (since / 24, self.day.no);
        let days = (day.saturating_sub(Span::Day.kept()).max(since)..day)
            .map(move |no| BucketKey::new(Span::Day, job_no.0, no));
        hours.chain(days).map(RowKey::Bucket)
    }
}

impl Series {
    pub fn new(no: SeriesNo, name: NodeName, since: u32) -> Self {
        Series { no, name, since, minute: Bucket::new(since) }
    }

    pub(super) fn count(&mut self, at: Timestamp, figure: Figure) -> Option<Row> {
        let bucket = count(&mut self.minute, Span::Minute, at, figure)?;
        self.since = self.since.min(self.minute.no);
        Some(closed(Span::Minute, u64::from(self.no.0), bucket))
    }
}

fn closed(span: Span, of: u64, bucket: Bucket) -> Row {
    Row::Bucket { span, of, bucket }
}
