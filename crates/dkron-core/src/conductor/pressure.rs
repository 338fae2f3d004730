//! Whether slots that are due wait because no node has room: then new jobs are refused, so that
//! what was promised before comes first. Everything else is taken.

use core::time::Duration;

use super::input::Request;
use crate::ledger::Ledger;

/// Shorter waits are the end of a burst.
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Default)]
pub(super) struct Pressure {
    since: Option<Duration>,
    /// A due slot found no room since the last alarm began.
    short: bool,
}

impl Pressure {
    /// A due slot must wait for room.
    pub fn found_no_room(&mut self) {
        self.short = true;
    }

    /// After all that is due was looked at.
    pub fn looked(&mut self, mono: Duration) {
        self.since = core::mem::take(&mut self.short).then(|| self.since.unwrap_or(mono));
    }

    pub fn sheds(&self, ledger: &Ledger, request: &Request, mono: Duration) -> bool {
        let adds = match request {
            Request::Put(submission) | Request::Restore(submission) => {
                let job = &submission.job;
                !job.disabled && ledger.job(job.name.as_str()).is_none()
            }
            _ => false,
        };
        adds && self.since.is_some_and(|since| mono.saturating_sub(since) >= PATIENCE)
    }
}
