//! The cluster's settings change: what they must be like, and what follows.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::Action;
use super::wishes;
use crate::domain::{Misfire, Settings, limits};
use crate::ledger::{JobState, Ledger};
use crate::schedule::Zone;
use crate::worker::{FENCE_GRACE, FENCE_MARGIN};

/// Checks settings; the text names the field, what is wrong with it and what would be right.
pub fn check(settings: &Settings) -> Result<(), String> {
    Zone::parse(&settings.zone).map_err(|err| format!("zone: {err}"))?;
    spans(settings)?;
    if settings.keep_executions == 0 {
        return Err("keep_executions: 0 would keep none, at least 1 must stay".into());
    }
    if settings.catch_up_rate == 0 {
        return Err("catch_up_rate: 0 would start nothing that was missed, at least 1".into());
    }
    if let Misfire::RunAll { max } = settings.misfire {
        wishes::misfire(max)?;
    }
    if settings.output_limit > limits::OUTPUT_BYTES_MOST {
        let (limit, most) = (settings.output_limit, limits::OUTPUT_BYTES_MOST);
        return Err(format!("output_limit: {limit} bytes is too much, at most {most}"));
    }
    Ok(())
}

fn spans(settings: &Settings) -> Result<(), String> {
    let spans = [
        ("misfire_threshold", settings.misfire_threshold),
        ("start_deadline", settings.start_deadline),
        ("lost_after", settings.lost_after),
        ("keep_for", settings.keep_for.unwrap_or_default()),
    ];
    for (field, span) in spans {
        if span > limits::SPAN_MOST {
            let (secs, most) = (span.as_secs(), limits::SPAN_MOST.as_secs());
            return Err(format!("{field}: {secs} s is too long, at most {most} s"));
        }
    }
    if settings.keep_for == Some(Duration::ZERO) {
        return Err("keep_for: 0 would keep nothing, leave it out to keep by number only".into());
    }
    let least = FENCE_GRACE + FENCE_MARGIN;
    if settings.lost_after <= least {
        let (secs, least) = (settings.lost_after.as_secs(), least.as_secs());
        let why = "a node needs that long to end what it runs";
        return Err(format!("lost_after: {secs} s is too short, more than {least} s: {why}"));
    }
    Ok(())
}

impl Conductor {
    /// Looks whether the cluster agreed on something else since the last look.
    pub(super) fn notice_settings(&mut self, ledger: &Ledger, out: &mut Vec<Action>) {
        let settings = ledger.settings();
        let known = self.zone.as_ref().map(|(name, _)| name.as_str());
        if known.is_some_and(|name| name != settings.zone) {
            let local = |state: &JobState| is_local(&state.job.timezone);
            let due = ledger.due().map(|(_, job_no)| job_no);
            let due = due.filter(|job_no| ledger.job_no(*job_no).is_some_and(local));
            self.doubted.extend(due);
        }
        self.local_zone(ledger);
        if self.told_lost_after.replace(settings.lost_after) != Some(settings.lost_after) {
            // Leases of another length: every node must be told, and only a hello tells it.
            let tenure = self.tenure.unwrap_or_default();
            self.sessions.renew(tenure, settings.lost_after, out);
        }
    }
}

/// Whether the job's zone is the cluster's.
fn is_local(timezone: &str) -> bool {
    timezone.is_empty() || timezone == "Local"
}

/// The words of a refusal for a name that nobody but the scheduler may bear.
pub(super) fn reserved(by: &str) -> String {
    let by = by.to_string();
    format!("by: `{by}` is the scheduler's own name, say who you are")
}
