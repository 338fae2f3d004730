//! Figures over time, as scripts show and ask for them.

use std::collections::BTreeMap;

use dkron_core::domain::stats::{Bucket, Span};
use dkron_core::ledger::{Ledger, Row, RowKey, RowOp};

use super::show_time;

/// Figures of one span of time: what is not zero.
pub fn bucket(span: Span, bucket: &Bucket) -> String {
    let mut words = vec![show_time(span.start(bucket.no))];
    for (word, count) in [
        ("success", bucket.success),
        ("failed", bucket.failed),
        ("timed_out", bucket.timed_out),
        ("cancelled", bucket.cancelled),
        ("lost", bucket.lost),
        ("skipped", bucket.skipped),
    ] {
        words.extend((count > 0).then(|| format!("{word}={count}")));
    }
    if bucket.lag.count > 0 {
        words.push(format!("lag={}/{}ms", bucket.lag.mean_ms(), bucket.lag.max_ms));
    }
    if bucket.ran.count() > 0 {
        let ran = &bucket.ran;
        let (median, most) = (ran.quantile_ms(500), ran.max_ms);
        words.push(format!("ran={}~{median}/{most}ms", ran.mean_ms()));
    }
    words.join(" ")
}

/// Rows of charts and of the time index come with every end: shown only where they are asked for.
pub fn is_figure(op: &RowOp) -> bool {
    let key = match op {
        RowOp::Put(row) | RowOp::PutNew(row) => row.key(),
        RowOp::Delete(key) => *key,
    };
    use RowKey::{Bucket, Pointer, Recent, Series};
    matches!(key, Bucket(_) | Pointer(_) | Recent | Series(_))
}

/// What a job's charts are made of: the buckets that fill, and those that are stored.
pub fn of_job(ledger: &Ledger, store: &BTreeMap<RowKey, Row>, name: &str) -> Vec<String> {
    let Some(state) = ledger.job(name) else { return vec!["no such job".into()] };
    let stored = store.values().filter_map(|row| match row {
        Row::Bucket { span, of, bucket } if *span != Span::Minute && *of == state.job_no.0 => {
            Some(format!("{} {}", span.word(), self::bucket(*span, bucket)))
        }
        _ => None,
    });
    let mut lines: Vec<String> = stored.collect();
    let open = state.runtime.rollup.iter().flat_map(|rollup| {
        let (hour, day) = (bucket(Span::Hour, &rollup.hour), bucket(Span::Day, &rollup.day));
        [format!("open hour {hour}"), format!("open day {day}")]
    });
    lines.extend(open);
    lines
}

/// The minutes of the cluster and of nodes that fill.
pub fn series(ledger: &Ledger) -> Vec<String> {
    let line = |series: &dkron_core::ledger::Series| {
        let name = if series.name.is_empty() { "cluster" } else { series.name.as_str() };
        format!("{} {name} {}", series.no.0, bucket(Span::Minute, &series.minute))
    };
    ledger.series().map(line).collect()
}
