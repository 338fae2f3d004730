//! What was: versions of jobs, and what users did.

use std::sync::Arc;

use dkron_core::domain::{Job, JobName, JobNo, Timestamp, Verb, Version};
pub use dkron_core::ledger::Activity;

use super::{Error, JobView, Query, Service};

/// Versions of a job, the oldest first.
#[derive(Clone, Debug)]
pub struct JobVersions {
    pub job_no: JobNo,
    /// When it was deleted, if it was.
    pub gone: Option<Timestamp>,
    /// Never empty; the last one is or was in force.
    pub versions: Vec<VersionView>,
}

/// One version of a job.
#[derive(Clone, Debug)]
pub struct VersionView {
    pub version: Version,
    pub job: Arc<Job>,
    /// How it came about; `None` = nobody knows any more, and so are the figures below.
    pub verb: Option<Verb>,
    pub at: Timestamp,
    pub by: String,
    pub from: String,
}

/// Which writes of users, newest first. Everything is ANDed.
#[derive(Clone, Debug, Default)]
pub struct ActivityQuery {
    pub limit: usize,
    /// Only those with a smaller number.
    pub below: Option<u64>,
    /// Of that job or node; empty = of all.
    pub object: String,
    /// Of that user; empty = of all.
    pub by: String,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// A page of them.
#[derive(Clone, Debug, Default)]
pub struct ActivityPage {
    pub activities: Vec<Activity>,
    /// There may be more below this number.
    pub below: Option<u64>,
}

impl Service {
    /// The versions that are kept of a job, also of one that was deleted not long ago.
    pub async fn versions(&self, name: JobName) -> Result<JobVersions, Error> {
        self.query(|reply| Query::Versions { name, reply }).await
    }

    /// What users did.
    pub async fn activity(&self, activity: ActivityQuery) -> Result<ActivityPage, Error> {
        self.query(|reply| Query::Activity { activity: Box::new(activity), reply }).await
    }

    /// An answer that is told again may be of a version that is only a row any more.
    pub(super) async fn or_past(&self, answer: Result<JobView, Error>) -> Result<JobView, Error> {
        let Err(Error::Past(job_no, version)) = answer else { return answer };
        self.query(|reply| Query::Past { job_no, version, reply }).await
    }
}
