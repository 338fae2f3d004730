//! A recorder in front of another: labels that name a job take at most so many values, the rest
//! share one series. Metrics must not grow with every job that ever was.

use std::collections::HashSet;
use std::sync::RwLock;

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};

/// Values of job labels with a series of their own.
const JOBS: usize = 10_000;
/// Stands for all others.
const OTHER: &str = "(others)";

pub struct Bounded<R> {
    inner: R,
    jobs: RwLock<HashSet<String>>,
    most: usize,
}

impl<R> Bounded<R> {
    pub fn new(inner: R) -> Self {
        Bounded { inner, jobs: RwLock::default(), most: JOBS }
    }

    /// The key with the names of jobs beyond the bound replaced.
    fn bound(&self, key: &Key) -> Option<Key> {
        let names_job = |label: &&Label| matches!(label.key(), "job_name" | "job");
        let job = key.labels().find(names_job)?;
        if self.admits(job.value()) {
            return None;
        }
        let labels = key.labels().map(|label| match names_job(&label) {
            true => Label::new(label.key().to_owned(), OTHER),
            false => label.clone(),
        });
        Some(Key::from_parts(key.name().to_owned(), labels.collect::<Vec<_>>()))
    }

    fn admits(&self, job: &str) -> bool {
        let full = {
            // A panic while the lock was held can not have left the set half changed.
            let jobs = self.jobs.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            if jobs.contains(job) {
                return true;
            }
            jobs.len() >= self.most
        };
        if full {
            return false;
        }
        let mut jobs = self.jobs.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        jobs.len() < self.most && jobs.insert(job.to_owned()) || jobs.contains(job)
    }
}

impl<R: Recorder> Recorder for Bounded<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.inner.describe_counter(key, unit, text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.inner.describe_gauge(key, unit, text);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.inner.describe_histogram(key, unit, text);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.inner.register_counter(self.bound(key).as_ref().unwrap_or(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.inner.register_gauge(self.bound(key).as_ref().unwrap_or(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.inner.register_histogram(self.bound(key).as_ref().unwrap_or(key), metadata)
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn jobs_beyond_the_bound_share_a_series() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let bounded = Bounded { inner: recorder, jobs: RwLock::default(), most: 2 };
        metrics::with_local_recorder(&bounded, || {
            for job in ["a", "b", "c", "d", "a"] {
                metrics::counter!("runs", "job_name" => job, "x" => "y").increment(1);
            }
        });
        let text = handle.render();
        assert!(text.contains("runs{job_name=\"a\",x=\"y\"} 2"), "{text}");
        assert!(text.contains("runs{job_name=\"(others)\",x=\"y\"} 2"), "{text}");
        assert!(!text.contains("job_name=\"c\""));
    }
}
