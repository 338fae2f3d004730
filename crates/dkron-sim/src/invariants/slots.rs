//! I1, G2, G5: every slot in a job's account is decided exactly once, in order, neither early nor
//! by another rule than that of lateness; no other slot is ever decided.

use core::time::Duration;
use std::collections::BTreeMap;

use dkron_core::domain::{
    Job, JobNo, Misfire, RequestId, Settings, SkipReason, Skipped, Timestamp,
};
use dkron_core::ledger::{Command, Decision, Fire, Fired, Reply, Trigger};

use super::schedule_model::{Rule, rule};
use super::{Check, Commit, require};

#[derive(Clone, Debug)]
struct Account {
    job: Job,
    anchor: Timestamp,
    /// The next second to be decided.
    cursor: Option<i64>,
    /// The last decided one.
    decided: Option<i64>,
    /// An ephemeral job that succeeded; a write brings it back.
    leaving: bool,
}

#[derive(Debug, Default)]
pub struct Slots {
    accounts: BTreeMap<JobNo, Account>,
    /// What the slots of a proposal were judged by, until it is in the log: others may get there
    /// before it.
    judged_by: BTreeMap<RequestId, Settings>,
}

/// By which measure the slots of a job are late.
#[derive(Clone, Copy)]
struct Measure {
    misfire: Misfire,
    threshold: Duration,
    deadline: Duration,
    /// A slot may be due so much after its nominal instant.
    jitter: Duration,
}

impl Measure {
    fn new(job: &Job, settings: &Settings) -> Self {
        let policy = job.policy();
        let deadline = policy.start_deadline.unwrap_or(settings.start_deadline);
        let threshold = policy.misfire_threshold.unwrap_or(settings.misfire_threshold);
        Measure {
            misfire: policy.misfire.unwrap_or(settings.misfire),
            threshold: threshold.min(deadline),
            deadline,
            jitter: policy.jitter,
        }
    }
}

impl Account {
    fn rule(&self) -> Rule {
        rule(&self.job, self.anchor)
    }

    /// The first slot after that second which the job's own bounds allow.
    fn after(&self, secs: i64) -> Option<i64> {
        let start = self.job.starts_at.map_or(i64::MIN, |start| start.secs() - 1);
        let next = self.rule().after(secs.max(start))?;
        let open = self.job.expires_at.is_none_or(|end| next <= end.secs());
        (open && !self.job.disabled).then_some(next)
    }

    /// Takes `first..=last` as decided; they must be the next ones, and that many.
    fn decide(&mut self, first: i64, last: i64, count: u64, what: &str) -> Check {
        let name = &self.job.name;
        require(self.cursor == Some(first), "I1", || {
            format!("{name}: {what} of slot {first}, but the next slot is {:?}", self.cursor)
        })?;
        let (mut at, mut counted) = (first, 1);
        while at < last {
            let next = self.after(at);
            require(next.is_some_and(|next| next <= last), "I1", || {
                format!("{name}: {what} up to {last}, which is no slot (after {at}: {next:?})")
            })?;
            at = next.unwrap_or(last);
            counted += 1;
        }
        require(counted == count, "I1", || {
            format!("{name}: {what} {first} to {last} counts {count}, there are {counted}")
        })?;
        self.decided = self.decided.max(Some(last));
        self.cursor = self.after(last);
        Ok(())
    }
}

impl Slots {
    /// A leader wants slots decided, by the settings that it knows.
    pub fn proposed(&mut self, id: RequestId, settings: &Settings) {
        self.judged_by.insert(id, settings.clone());
    }

    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        let judged_by = commit.entry.request.and_then(|id| self.judged_by.remove(&id));
        match (commit.entry.command.inner(), &commit.outcome.reply) {
            (Command::PutJob(put), Reply::Job(job)) => {
                let new = &put.submission.job;
                self.write(job.job_no, new, put.undecided.as_ref(), commit.entry.at, false)?;
            }
            (Command::Restore(put), Reply::Job(job)) => {
                let new = &put.submission.job;
                self.write(job.job_no, new, put.undecided.as_ref(), commit.entry.at, true)?;
            }
            (Command::ToggleJob(toggle), Reply::Job(job)) => {
                let undecided = toggle.undecided.as_ref();
                self.write(job.job_no, &job.job, undecided, commit.entry.at, false)?;
            }
            (Command::Fire(fires), Reply::Fired(fired)) => {
                let due = |fire: &Fire| fire.trigger == Trigger::Schedule;
                for (fire, fired) in fires.iter().zip(fired).filter(|(fire, _)| due(fire)) {
                    require(judged_by.is_some(), "G2", || format!("nobody proposed {fire:?}"))?;
                    if let Some(settings) = judged_by.as_ref().filter(|_| *fired != Fired::Void) {
                        self.decided(fire, fired, commit.entry.at, settings)?;
                    }
                }
            }
            _ => {}
        }
        let ledger = commit.ledger;
        self.accounts.retain(|no, account| {
            let job = ledger.job_no(*no).filter(|job| !job.runtime.deleted);
            if job.is_some_and(|job| job.runtime.leaving) {
                (account.leaving, account.cursor) = (true, None);
            }
            job.is_some()
        });
        Ok(())
    }

    /// A definition is put in force.
    fn write(
        &mut self,
        job_no: JobNo,
        new: &Job,
        undecided: Option<&Skipped>,
        at: Timestamp,
        restored: bool,
    ) -> Check {
        let old = self.accounts.remove(&job_no);
        let rescheduled = old.as_ref().is_none_or(|old| old.job.schedule != new.schedule);
        let restart = restored
            || old.as_ref().is_none_or(|old| {
                rescheduled
                    || old.leaving
                    || old.job.timezone != new.timezone
                    || old.job.starts_at != new.starts_at
                    || old.job.expires_at != new.expires_at
                    || old.job.policy().jitter != new.policy().jitter
                    || old.job.parent_job.is_some() != new.parent_job.is_some()
                    || old.job.disabled != new.disabled
            });
        let Some(mut account) = old else {
            let (job, anchor, leaving) = (new.clone(), at, false);
            let mut account = Account { job, anchor, cursor: None, decided: None, leaving };
            account.cursor = account.open(at, !restored);
            self.accounts.insert(job_no, account);
            return Ok(());
        };
        if restart {
            account.close(at, undecided)?;
        } else {
            require(undecided.is_none(), "I1", || {
                format!("{}: slots given up by a write that keeps the account", new.name)
            })?;
        }
        (account.job, account.leaving) = (new.clone(), false);
        if rescheduled {
            account.anchor = at;
        }
        if restart {
            account.cursor = account.open(at, rescheduled && !restored);
        }
        self.accounts.insert(job_no, account);
        Ok(())
    }

    fn decided(&mut self, fire: &Fire, fired: &Fired, at: Timestamp, settings: &Settings) -> Check {
        let Some(account) = self.accounts.get_mut(&fire.job_no) else {
            // A success within the same entry may have ended an ephemeral job.
            return Ok(());
        };
        require(fire.nominal.0 <= at, "early", || {
            format!("{}: slot {:?} decided at {at:?}", account.job.name, fire.nominal)
        })?;
        let first = fire.nominal.0.secs();
        match &fire.decision {
            Decision::Run(_) => {
                let ran = matches!(fired, Fired::Run { .. } | Fired::Skipped | Fired::Queued(_));
                require(ran, "G2", || format!("slot {first} was answered {fired:?}"))?;
                account.decide(first, first, 1, "a run")?;
                account.lateness_of_run(first, at, settings)
            }
            Decision::Skip { last, count, reason, .. } => {
                let last = last.0.secs();
                account.decide(first, last, *count, "a skip")?;
                account.lateness_of_skip(last, *reason, at, settings)
            }
        }
    }

    /// Everything that is due is decided.
    pub fn settled(&self, wall: Timestamp) -> Check {
        for account in self.accounts.values() {
            let jitter = account.job.policy().jitter.as_secs() as i64 + 1;
            let late = account.cursor.is_some_and(|next| next + 2 + jitter <= wall.secs());
            require(!late, "I1", || {
                let (name, cursor) = (&account.job.name, account.cursor);
                format!("{name}: slot {cursor:?} is not decided at {wall:?}")
            })?;
        }
        Ok(())
    }
}

impl Account {
    /// The first slot of an account that opens.
    fn open(&self, at: Timestamp, past_counts: bool) -> Option<i64> {
        if let Rule::At(instant) = self.rule()
            && past_counts
        {
            return self.after(instant - 1);
        }
        self.after(at.secs().max(self.decided.unwrap_or(i64::MIN)))
    }

    /// Nothing due before a change may be left without a record.
    fn close(&mut self, at: Timestamp, undecided: Option<&Skipped>) -> Check {
        if let Some(skipped) = undecided {
            require(skipped.reason == SkipReason::Changed, "I1", || format!("{skipped:?}"))?;
            require(skipped.last.0 <= at, "early", || format!("{skipped:?} at {at:?}"))?;
            let (first, last) = (skipped.first.0.secs(), skipped.last.0.secs());
            self.decide(first, last, skipped.count, "the end of an account")?;
        }
        let left = self.cursor.filter(|next| *next <= at.secs());
        require(left.is_none(), "I1", || {
            format!("{}: slot {left:?} is forgotten by a change at {at:?}", self.job.name)
        })
    }

    fn lateness(secs: i64, at: Timestamp) -> Duration {
        at.since(Timestamp::from_secs(secs))
    }

    /// Slots after that one that are late for sure, up to so many.
    fn late_after(&self, slot: i64, at: Timestamp, least: Duration, most: u32) -> u32 {
        let (mut count, mut next) = (0, self.after(slot));
        while let Some(slot) = next.filter(|slot| Self::lateness(*slot, at) > least) {
            count += 1;
            if count >= most {
                break;
            }
            next = self.after(slot);
        }
        count
    }

    fn lateness_of_run(&self, slot: i64, at: Timestamp, settings: &Settings) -> Check {
        let Measure { misfire, threshold, deadline, jitter } = Measure::new(&self.job, settings);
        let (name, late) = (&self.job.name, Self::lateness(slot, at));
        require(late <= deadline + jitter, "late", || {
            format!("{name}: slot {slot} fires {late:?} late")
        })?;
        if late <= threshold + jitter {
            return Ok(());
        }
        let most = match misfire {
            Misfire::Skip => 0,
            Misfire::RunOnce => 1,
            Misfire::RunAll { max } => max,
        };
        // Itself, and those that are late for sure behind it.
        let late = 1 + self.late_after(slot, at, threshold + jitter, most + 1);
        require(late <= most, "late", || {
            format!("{name}: slot {slot} fires late, by {misfire:?}, with {late} to come")
        })
    }

    fn lateness_of_skip(
        &self,
        last: i64,
        reason: SkipReason,
        at: Timestamp,
        settings: &Settings,
    ) -> Check {
        let (name, late) = (&self.job.name, Self::lateness(last, at));
        let measure = Measure::new(&self.job, settings);
        match reason {
            // Judged when it is proposed, by the members that the leader knows.
            SkipReason::NoEligibleNode => Ok(()),
            // Judged by the pauses that there are.
            SkipReason::Paused => Ok(()),
            SkipReason::Missed => {
                let gone = late > measure.deadline;
                let later = |most| self.late_after(last, at, measure.threshold, most) >= most;
                let given_up = match measure.misfire {
                    Misfire::Skip => true,
                    Misfire::RunOnce => gone || later(1),
                    Misfire::RunAll { max } => gone || later(max),
                };
                require(late > measure.threshold && given_up, "late", || {
                    let misfire = measure.misfire;
                    format!("{name}: slot {last} is called missed, {late:?} late, by {misfire:?}")
                })
            }
            other => require(false, "I1", || format!("{name}: slot {last} skipped as {other:?}")),
        }
    }
}
