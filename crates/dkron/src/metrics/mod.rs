//! Metrics for Prometheus: the recorder, the names, and a bound on how many series there are.

mod bound;
pub mod names;
pub mod process;

use std::time::{Duration, Instant};

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Installs the recorder of this process and describes what it will hold. Without it every count
/// goes nowhere, at no cost.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_quantiles(&[0.5, 0.9, 0.99])?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    let set = metrics::set_global_recorder(bound::Bounded::new(recorder)).map_err(|_| ());
    set.ok().context("this process has a recorder already")?;
    names::describe();
    Ok(handle)
}

/// Between two rounds of `upkeep`.
const UPKEEP: Duration = Duration::from_secs(5);

/// Sums up what was recorded, for ever: without it distributions grow until somebody asks.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut rounds = tokio::time::interval(UPKEEP);
    loop {
        rounds.tick().await;
        handle.run_upkeep();
    }
}

/// Counts the milliseconds since `since`.
pub fn timed(name: &'static str, since: Instant) {
    metrics::histogram!(name).record(since.elapsed().as_secs_f64() * 1000.0);
}

/// One more of `name` for a job; the recorder bounds how many jobs have a series.
pub fn counted(name: &'static str, job: &str) {
    metrics::counter!(name, "job" => job.to_owned()).increment(1);
}
