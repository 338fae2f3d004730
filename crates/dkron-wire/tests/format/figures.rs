//! Any row of charts and of the time index.

use dkron_core::domain::stats::{Bucket, Lag, Ran, Span};
use dkron_core::domain::{HistoryNo, JobNo, Seq};
use dkron_core::ledger::{Pointer, Recent, Rollup, Row, Series, SeriesNo};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::select;

use super::generate::{at, node, number};

fn bucket() -> impl Strategy<Value = Bucket> {
    let counts = [(); 7].map(|()| any::<u32>());
    let lag = (any::<u32>(), any::<u32>(), number());
    let lag = lag.prop_map(|(count, max_ms, sum_ms)| Lag { count, max_ms, sum_ms });
    let ran = (any::<u32>(), number(), vec((0..33u32, any::<u32>()), 0..5));
    let ran = ran.prop_map(|(max_ms, sum_ms, by_digits)| Ran { max_ms, sum_ms, by_digits });
    (counts, lag, ran).prop_map(|(counts, lag, ran)| {
        let [no, success, failed, timed_out, cancelled, lost, skipped] = counts;
        Bucket { no, success, failed, timed_out, cancelled, lost, skipped, lag, ran }
    })
}

pub fn rollup() -> impl Strategy<Value = Rollup> {
    (any::<u32>(), bucket(), bucket()).prop_map(|(since, hour, day)| Rollup { since, hour, day })
}

pub fn row() -> impl Strategy<Value = Row> {
    let spans = select(&[Span::Minute, Span::Hour, Span::Day][..]);
    let recent = (number(), number(), at());
    let recent = recent.prop_map(|(first, next, at)| Recent { first, next, at });
    let series = (any::<u32>(), node(), any::<u32>(), bucket())
        .prop_map(|(no, name, since, minute)| Series { no: SeriesNo(no), name, since, minute });
    let pointer = (number(), at(), number(), number(), number()).prop_map(
        |(no, at, job_no, history_no, seq)| {
            let (job_no, history_no, seq) = (JobNo(job_no), HistoryNo(history_no), Seq(seq));
            Pointer { no, at, job_no, history_no, seq }
        },
    );
    prop_oneof![
        recent.prop_map(Row::Recent),
        series.prop_map(Row::Series),
        (spans, number(), bucket()).prop_map(|(span, of, bucket)| Row::Bucket { span, of, bucket }),
        pointer.prop_map(Row::Pointer),
    ]
}
