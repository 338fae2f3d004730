//! Figures over time.

use dkron_core::domain::stats::{Bucket, Span};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::instant::Instant;

/// The figures of one scope.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stats")]
pub struct StatsDto<'a> {
    pub scope: &'static str,
    /// Empty for the cluster.
    pub name: &'a str,
    pub span: &'static str,
    /// Oldest first; spans in which nothing happened are left out.
    pub buckets: Vec<BucketDto>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Bucket")]
pub struct BucketDto {
    /// When it began.
    at: Instant,
    success: u32,
    failed: u32,
    timed_out: u32,
    cancelled: u32,
    lost: u32,
    skipped: u32,
    lag: LagDto,
    duration: DurationDto,
}

/// How late first attempts started; zeros if none did.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Lag")]
struct LagDto {
    mean_ms: u64,
    max_ms: u32,
}

/// How long runs took; zeros if none was started.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Durations")]
struct DurationDto {
    mean_ms: u64,
    max_ms: u32,
    p50_ms: u64,
    p90_ms: u64,
    p99_ms: u64,
}

impl BucketDto {
    pub fn new(span: Span, bucket: &Bucket) -> Self {
        let (lag, ran) = (&bucket.lag, &bucket.ran);
        BucketDto {
            at: Instant::utc(span.start(bucket.no)),
            success: bucket.success,
            failed: bucket.failed,
            timed_out: bucket.timed_out,
            cancelled: bucket.cancelled,
            lost: bucket.lost,
            skipped: bucket.skipped,
            lag: LagDto { mean_ms: lag.mean_ms(), max_ms: lag.max_ms },
            duration: DurationDto {
                mean_ms: ran.mean_ms(),
                max_ms: ran.max_ms,
                p50_ms: ran.quantile_ms(500),
                p90_ms: ran.quantile_ms(900),
                p99_ms: ran.quantile_ms(990),
            },
        }
    }
}
