//! While scheduling is paused nothing of its scope starts by schedule, parent or retry; a slot is
//! skipped as paused only if it fell due in a pause; and a pause goes only when nothing of it is
//! undecided.

use std::collections::BTreeMap;
use std::sync::Arc;

use dkron_core::domain::{Job, PauseNo, Scope, SkipReason, Timestamp};
use dkron_core::ledger::{Command, Decision, Fire, Fired, Reply, Trigger};

use super::{Check, Commit, require};

/// What somebody wanted, as the log tells it.
#[derive(Debug)]
struct Wanted {
    scope: Scope,
    until: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub struct Pauses {
    wanted: BTreeMap<PauseNo, Wanted>,
}

impl Wanted {
    fn stops(&self, job: &Job, at: Timestamp) -> bool {
        let Scope { jobs, prefix, metadata } = &self.scope;
        let named = jobs.is_empty() || jobs.contains(&job.name);
        let tagged = metadata.iter().all(|(key, value)| job.metadata.get(key) == Some(value));
        let open = self.until.is_none_or(|until| at < until);
        open && named && tagged && job.name.as_str().starts_with(prefix.as_str())
    }
}

impl Pauses {
    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        let at = commit.entry.at;
        match (&commit.entry.command, &commit.outcome.reply) {
            (Command::PauseScheduling(wanted), Reply::SchedulingPaused(id)) => {
                let (scope, until) = (wanted.scope.clone(), wanted.until);
                self.wanted.insert(*id, Wanted { scope, until });
            }
            (Command::ResumeScheduling(resume), Reply::Resumed(_)) => {
                let meant = |id: &PauseNo| resume.id.is_none_or(|one| one == *id);
                for (_, wanted) in self.wanted.iter_mut().filter(|(id, _)| meant(id)) {
                    wanted.until = Some(wanted.until.map_or(at, |until| until.min(at)));
                }
            }
            (Command::EndPause(id), Reply::Done) => self.ended(commit, *id)?,
            (Command::Fire(fires), Reply::Fired(fired)) => {
                for (fire, fired) in fires.iter().zip(fired) {
                    self.fired(commit, fire, fired)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fired(&self, commit: Commit<'_>, fire: &Fire, fired: &Fired) -> Check {
        let ledger = commit.ledger;
        let Some(state) = ledger.job_no(fire.job_no) else { return Ok(()) };
        if let (Decision::Skip { last, reason: SkipReason::Paused, .. }, Fired::Skipped) =
            (&fire.decision, fired)
        {
            // A turn is judged when it comes, whenever it was due.
            let due = match fire.trigger {
                Trigger::Queued(_) => commit.entry.at,
                _ => last.0,
            };
            let stopped = self.wanted.values().any(|wanted| wanted.stops(&state.job, due));
            return require(stopped, "paused", || {
                format!("{}: {last:?} is called paused", state.job.name)
            });
        }
        let group = match fired {
            Fired::Run { group, .. } => ledger.group(*group),
            Fired::Queued(_) => None,
            _ => return Ok(()),
        };
        let by_hand = match (&fire.trigger, group) {
            (Trigger::Manual(_) | Trigger::ByHand(_), _) => true,
            (Trigger::Queued(_), Some(group)) => group.cause.is_by_hand(),
            // Born failed and over.
            (Trigger::Queued(_) | Trigger::Retry { .. }, None) => true,
            _ => false,
        };
        let own = group.and_then(|group| ledger.definition(group.job_no, group.version));
        let job: &Arc<Job> = own.unwrap_or(&state.job);
        let stops = |wanted: &&Wanted| wanted.stops(job, commit.entry.at);
        let stopped = self.wanted.values().find(stops).filter(|_| !by_hand);
        require(stopped.is_none(), "paused", || {
            format!("{}: {:?} starts at {:?} in {stopped:?}", job.name, fire.trigger, fire.nominal)
        })
    }

    /// Nothing that fell due in it is left to whoever looks next.
    fn ended(&mut self, commit: Commit<'_>, id: PauseNo) -> Check {
        let ledger = commit.ledger;
        if ledger.scheduling_pauses().any(|pause| pause.id == id) {
            return Ok(());
        }
        let Some(wanted) = self.wanted.remove(&id) else { return Ok(()) };
        let over = wanted.until.is_some_and(|until| until <= commit.entry.at);
        require(over, "paused", || format!("{id} ends at {:?}: {wanted:?}", commit.entry.at))?;
        let slot = ledger
            .jobs()
            .find(|state| state.due().is_some_and(|due| wanted.stops(&state.job, due)));
        require(slot.is_none(), "I1", || format!("{id} ends, but {slot:?} is not decided"))
    }
}
