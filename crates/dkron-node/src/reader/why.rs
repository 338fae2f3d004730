//! Why a job did or did not run at an instant: the facts. What they mean is said in `verdict`.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{Job, JobName, JobNo, Nominal, Record, Settings, Skipped, Timestamp};
use dkron_core::ledger::{Phase, Row, RowKey, Runtime};
use dkron_core::schedule::{Schedule, Zone};
use dkron_store::state::Scan;
use dkron_wire::Table;

use super::{History, Index};
use crate::service::{Error, ExecutionView, WhyView};

/// Finished executions that one answer looks at.
const LOOKED_AT: usize = 10_000;
/// Of these at a time.
const PAGE: usize = 500;
/// What ended earlier than the instant did not run for it; clocks of nodes differ.
const SLACK: Duration = Duration::from_secs(60);

/// What the index knows, all of one moment.
pub struct Asked {
    pub job_no: JobNo,
    pub job: Arc<Job>,
    pub at: Timestamp,
    pub now: Timestamp,
    /// The zone of jobs without one.
    pub zone: String,
    pub settings: Settings,
    /// What goes on of that instant.
    pub live: Vec<ExecutionView>,
    /// When an attempt of that instant is owed.
    pub retry_at: Option<Timestamp>,
}

/// All that the answer follows from.
pub struct Facts {
    pub asked: Asked,
    pub runtime: Runtime,
    /// None for a child, and for one that does not parse here.
    pub schedule: Option<Schedule>,
    pub ended: Vec<Arc<Record>>,
    pub cut: bool,
    pub skipped: Option<Skipped>,
    /// It waits for its turn since then.
    pub waits: Option<Timestamp>,
}

/// The part that the index knows; none if there is no such job.
pub fn asked(index: &Index, name: &JobName, at: Timestamp, now: Timestamp) -> Option<Asked> {
    let job_no = index.job_no(name)?;
    let job = index.job(name)?.job;
    let groups = index.groups_of.get(&job_no).into_iter().flatten();
    let groups = groups.filter_map(|group| index.groups.get(group));
    let (mut live, mut retry_at) = (Vec::new(), None);
    for group in groups.filter(|group| group.nominal.0 == at) {
        for slot in &group.slots {
            live.extend(index.live_one(group.group, slot.seq).filter(|_| slot.phase.is_live()));
            if let Phase::Waiting { retry_at: at } = slot.phase {
                retry_at = Some(at);
            }
        }
    }
    let settings = index.settings.clone().unwrap_or_default();
    Some(Asked { job_no, job, at, now, zone: index.zone.clone(), settings, live, retry_at })
}

impl History {
    pub fn why(&self, mut asked: Asked) -> Result<WhyView, Error> {
        let Some(Row::Runtime { runtime, .. }) = self.row(&RowKey::Runtime(asked.job_no))? else {
            return Err(Error::JobNotFound);
        };
        let (ended, cut) = self.ended_of(asked.job_no, asked.at)?;
        // What ended since the index was asked stands in both.
        asked.live.retain(|view| ended.iter().all(|record| record.seq != view.id.seq));
        let at = Nominal(asked.at);
        let mut skipped = self.skipped(asked.job_no)?.into_iter();
        let skipped = skipped.find(|skipped| (skipped.first..=skipped.last).contains(&at));
        let waits = self.waits(asked.job_no, at)?;
        let schedule = schedule(&asked.job, &asked.zone);
        Ok(super::verdict::of(Facts { asked, runtime, schedule, ended, cut, skipped, waits }))
    }

    /// Finished executions of that instant, newest first, and whether there were too many to look
    /// at all of them.
    fn ended_of(&self, job_no: JobNo, at: Timestamp) -> Result<(Vec<Arc<Record>>, bool), Error> {
        let prefix = dkron_wire::row::job_prefix(job_no);
        let (mut found, mut last) = (Vec::new(), None::<Vec<u8>>);
        for _ in 0..LOOKED_AT / PAGE {
            let scan = Scan::prefix(&prefix, PAGE).reverse().after(last.as_deref());
            let page = self.rows(Table::History, scan)?;
            let whole = page.len() < PAGE;
            for row in page {
                last = Some(dkron_wire::row::key(&row.key()).1);
                let Row::History { record, .. } = row else { continue };
                if record.finish.finished_at < at.before(SLACK) {
                    return Ok((found, false));
                }
                if record.nominal.0 == at {
                    found.push(record);
                }
            }
            if whole {
                return Ok((found, false));
            }
        }
        Ok((found, true))
    }

    fn waits(&self, job_no: JobNo, at: Nominal) -> Result<Option<Timestamp>, Error> {
        let prefix = dkron_wire::row::job_prefix(job_no);
        let queue = self.rows(Table::Queued, Scan::prefix(&prefix, LOOKED_AT))?;
        Ok(queue.into_iter().find_map(|row| match row {
            Row::Queued { queued, .. } if queued.nominal == at => Some(queued.since),
            _ => None,
        }))
    }
}

/// As the scheduler reads it.
pub fn schedule(job: &Job, zone: &str) -> Option<Schedule> {
    if job.parent_job.is_some() {
        return None;
    }
    let local = Zone::parse(zone).unwrap_or_else(|_| Zone::utc());
    let parsed = Schedule::parse(&job.schedule, job.name.as_str(), &job.timezone, &local);
    parsed.ok().map(|schedule| schedule.with_dst(job.policy().dst))
}
