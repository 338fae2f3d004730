//! Versions of jobs, and what users did, from their rows.

use std::sync::Arc;

use dkron_core::domain::{Job, JobName, JobNo, Status, Timestamp, Version, limits};
use dkron_core::ledger::{Activity, JobVersion, Row, RowKey};
use dkron_wire::Table;

use super::{History, Index};
use crate::service::{ActivityPage, ActivityQuery, Error, JobVersions, JobView, VersionView};

/// Of which job the versions are asked for.
pub struct Wanted {
    job_no: JobNo,
    gone: Option<Timestamp>,
    /// The one in force, which may be older than the rows of versions.
    present: Option<(Version, Arc<Job>)>,
}

/// The job of that name, or the last that had it.
pub fn wanted(index: &Index, name: &JobName, now: Timestamp) -> Option<Wanted> {
    if let Some(view) = index.job(name) {
        let present = Some((view.version, view.job));
        return Some(Wanted { job_no: view.job_no, gone: None, present });
    }
    let fits = |gone: &&dkron_core::ledger::Gone| {
        gone.name == *name && now.since(gone.at) < limits::GONE_FOR
    };
    let gone = index.gone.values().rev().find(fits)?;
    Some(Wanted { job_no: gone.job_no, gone: Some(gone.at), present: None })
}

impl History {
    pub fn versions(&self, wanted: Wanted) -> Result<JobVersions, Error> {
        let Wanted { job_no, gone, present } = wanted;
        let rows = self.scan(Table::Version, job_no, limits::VERSIONS_KEPT + 1)?;
        let view = |row| match row {
            Row::JobVersion { version, row, .. } => Some(view(version, row)),
            _ => None,
        };
        let mut versions: Vec<VersionView> = rows.into_iter().rev().filter_map(view).collect();
        if let Some((version, job)) = present
            && versions.last().is_none_or(|last| last.version < version)
        {
            let (at, by, from) = Default::default();
            versions.push(VersionView { version, job, verb: None, at, by, from });
        }
        // Its last row may have gone since the index was asked.
        let found = JobVersions { job_no, gone, versions };
        if found.versions.is_empty() { Err(Error::JobNotFound) } else { Ok(found) }
    }

    /// A job as it was in that version, with the figures that it has now.
    pub fn past(
        &self,
        job_no: JobNo,
        version: Version,
        now: Option<JobView>,
    ) -> Result<JobView, Error> {
        let row = self.row(&RowKey::JobVersion(job_no, version))?;
        let Some(Row::JobVersion { row, .. }) = row else {
            return Err(Error::Past(job_no, version));
        };
        Ok(match now {
            Some(now) => JobView { version, job: row.job, ..now },
            None => bare(job_no, version, row.job),
        })
    }

    pub fn activity(&self, query: &ActivityQuery, next: u64) -> Result<ActivityPage, Error> {
        let end = query.below.unwrap_or(next).min(next);
        let mut page = ActivityPage::default();
        for no in (Activity::oldest(next)..end).rev() {
            if page.activities.len() >= query.limit {
                page.below = Some(no + 1);
                break;
            }
            let row = self.row(&RowKey::Activity(Activity::slot(no)))?;
            // Its place was taken meanwhile, and so were those of all before it.
            let Some(Row::Activity(activity)) = row.filter(|row| is_it(row, no)) else { break };
            if query.fits(&activity) {
                page.activities.push(activity);
            }
        }
        Ok(page)
    }
}

fn is_it(row: &Row, no: u64) -> bool {
    matches!(row, Row::Activity(activity) if activity.no == no)
}

impl ActivityQuery {
    fn fits(&self, activity: &Activity) -> bool {
        (self.object.is_empty() || self.object == activity.object)
            && (self.by.is_empty() || self.by == activity.by)
            && self.from.is_none_or(|from| activity.at >= from)
            && self.to.is_none_or(|to| activity.at < to)
    }
}

fn view(version: Version, row: JobVersion) -> VersionView {
    let JobVersion { job, verb, at, by, from, .. } = row;
    VersionView { version, job, verb, at, by, from }
}

/// A job of which nothing but the definition is known.
fn bare(job_no: JobNo, version: Version, job: Arc<Job>) -> JobView {
    JobView {
        job_no,
        version,
        job,
        success_count: 0,
        error_count: 0,
        last_success: None,
        last_error: None,
        status: Status::Untriggered,
        running: 0,
        next: None,
        dependents: Vec::new(),
    }
}
