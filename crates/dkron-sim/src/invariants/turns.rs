//! I2 and G4 in the ledger: an exclusive name never holds two groups; what waits takes its turn in
//! order, is never more than the job allows, and goes only for a reason.

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::{Concurrency, Job, JobNo, QueueNo, limits};
use dkron_core::ledger::{Command, Fire, Fired, Ledger, Reply, Trigger};

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Turns {
    waiting: BTreeMap<JobNo, BTreeSet<QueueNo>>,
}

impl Turns {
    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        let ledger = commit.ledger;
        let mut cleared = BTreeSet::new();
        match (commit.entry.command.inner(), &commit.outcome.reply) {
            (Command::Fire(fires), Reply::Fired(fired)) => {
                for (fire, fired) in fires.iter().zip(fired) {
                    if *fired != Fired::Void && replaces(ledger, fire) {
                        cleared.insert(fire.job_no);
                        self.waiting.remove(&fire.job_no);
                    }
                    self.fired(ledger, fire, fired)?;
                }
            }
            (Command::Cancel(cancel), Reply::Cancelling { .. }) if cancel.execution.is_none() => {
                cleared.extend(ledger.job(cancel.name.as_str()).map(|job| job.job_no));
            }
            _ => {}
        }
        for (job_no, waiting) in &mut self.waiting {
            let left: BTreeSet<QueueNo> = ledger.queue(*job_no).map(|(no, _)| no).collect();
            let gone =
                ledger.job_no(*job_no).is_none_or(|job| job.runtime.deleted || job.runtime.leaving);
            let excused = gone || cleared.contains(job_no);
            let lost: Vec<_> = waiting.difference(&left).collect();
            require(excused || lost.is_empty(), "G8", || {
                format!("{lost:?} of job {job_no} wait no more, without a reason")
            })?;
            *waiting = left;
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        Ok(())
    }

    fn fired(&mut self, ledger: &Ledger, fire: &Fire, fired: &Fired) -> Check {
        let job_no = fire.job_no;
        let waiting = self.waiting.entry(job_no).or_default();
        if let Trigger::Queued(no) = fire.trigger
            && *fired != Fired::Void
        {
            let runs = matches!(fired, Fired::Run { .. });
            let first = waiting.first() == Some(&no);
            require(first || !runs, "G4", || format!("{no} takes the turn of {waiting:?}"))?;
            require(waiting.remove(&no), "G4", || format!("{no} does not wait, but {fired:?}"))?;
        }
        let Some(job) = ledger.job_no(job_no).map(|state| &state.job) else { return Ok(()) };
        match fired {
            Fired::Queued(no) => {
                let after = waiting.last().is_none_or(|last| last < no);
                require(after, "G4", || format!("{no} waits before {waiting:?}"))?;
                waiting.insert(*no);
                let depth = depth(job);
                require(waiting.len() <= depth, "G4", || {
                    format!("{}: {waiting:?} wait, at most {depth} may", job.name)
                })
            }
            Fired::Run { group, .. } if !matches!(fire.trigger, Trigger::Retry { .. }) => {
                // A later fire of the same entry may have come after it has ended.
                let exclusive = job.concurrency.is_exclusive() && ledger.group(*group).is_some();
                let mut earlier = ledger.holders(job.name.as_str()).filter(|other| other < group);
                let earlier = earlier.next();
                require(!exclusive || earlier.is_none(), "G4", || {
                    format!("{}: {group} beside {earlier:?}", job.name)
                })
            }
            _ => Ok(()),
        }
    }

    pub fn settled(&self, ledger: &Ledger) -> Check {
        let waits = ledger.jobs().find(|job| ledger.queue(job.job_no).next().is_some());
        require(waits.is_none(), "liveness", || format!("{waits:?} still waits for its turn"))
    }
}

fn depth(job: &Job) -> usize {
    match job.policy().queue_depth {
        0 => limits::QUEUE_DEPTH as usize,
        depth => depth as usize,
    }
}

fn replaces(ledger: &Ledger, fire: &Fire) -> bool {
    let of_its_own = !matches!(fire.trigger, Trigger::Queued(_) | Trigger::Retry { .. });
    let job = ledger.job_no(fire.job_no);
    of_its_own && job.is_some_and(|state| state.job.concurrency == Concurrency::Replace)
}
