//! What will be due soon: which jobs. A walk through all jobs, a slice at a time, so that nobody
//! else waits for it; the slots are counted elsewhere (`forecast`).

use std::collections::VecDeque;
use std::sync::Arc;

use dkron_core::domain::{Job, JobNo, Timestamp};

use super::Index;
use crate::service::{Error, Reply, Upcoming, UpcomingQuery};

/// Jobs looked at between two other things that the thread does.
const SLICE: usize = 2_000;
/// Walks that wait; more are shed.
const WALKS: usize = 8;

/// A job that is due within the window, and when first.
pub type DueJob = (Timestamp, Arc<Job>);

/// A walk under way.
pub struct Walk {
    pub query: UpcomingQuery,
    pub from: Timestamp,
    pub reply: Reply<Upcoming>,
    pub due: Vec<DueJob>,
    last: Option<JobNo>,
}

/// Walks, one after the other.
#[derive(Default)]
pub struct Walks(VecDeque<Walk>);

impl Walks {
    pub fn begin(&mut self, query: UpcomingQuery, from: Timestamp, reply: Reply<Upcoming>) {
        if self.0.len() == WALKS {
            // Who asked may have gone away meanwhile.
            let _ = reply.send(Err(Error::Busy));
            return;
        }
        self.0.push_back(Walk { query, from, reply, due: Vec::new(), last: None });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A slice of the first walk; the walk, once it has seen all jobs.
    pub fn step(&mut self, index: &Index) -> Option<Walk> {
        let walk = self.0.front_mut()?;
        if !walk.reply.is_closed() && walk.slice(index) {
            return None;
        }
        self.0.pop_front().filter(|walk| !walk.reply.is_closed())
    }
}

impl Walk {
    /// Whether there is more to see.
    fn slice(&mut self, index: &Index) -> bool {
        let to = self.from.after(self.query.window);
        let mut seen = 0;
        for row in index.table.behind(self.last).take(SLICE) {
            seen += 1;
            self.last = Some(row.job_no);
            let Some(next) = row.next.filter(|next| next.0 <= to && !row.deleted) else { continue };
            if !row.job.disabled && row.job.parent_job.is_none() {
                self.due.push((next.0, row.job.clone()));
            }
        }
        seen == SLICE
    }
}
