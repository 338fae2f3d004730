//! What will be due soon.

use dkron_node::service::Upcoming;
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::instant::Instant;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Upcoming")]
pub struct UpcomingDto<'a> {
    from: Instant,
    to: Instant,
    /// Slots in all.
    total: u64,
    /// Jobs that have any of them.
    jobs: usize,
    /// There was too much to look at: more is due than is counted here.
    truncated: bool,
    buckets: Vec<UpcomingBucket>,
    next: Vec<UpcomingSlot<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct UpcomingBucket {
    /// Slots behind this instant, up to that of the next bucket.
    at: Instant,
    count: u64,
}

#[derive(Serialize, JsonSchema)]
struct UpcomingSlot<'a> {
    at: Instant,
    job: &'a str,
}

impl<'a> From<&'a Upcoming> for UpcomingDto<'a> {
    fn from(upcoming: &'a Upcoming) -> Self {
        let buckets = upcoming.buckets.iter();
        let next = upcoming.next.iter();
        UpcomingDto {
            from: Instant::utc(upcoming.from),
            to: Instant::utc(upcoming.to),
            total: buckets.clone().map(|(_, count)| count).sum(),
            jobs: upcoming.jobs,
            truncated: upcoming.truncated,
            buckets: buckets
                .map(|(at, count)| UpcomingBucket { at: Instant::utc(*at), count: *count })
                .collect(),
            next: next
                .map(|(at, job)| UpcomingSlot { at: Instant::utc(*at), job: job.as_str() })
                .collect(),
        }
    }
}
