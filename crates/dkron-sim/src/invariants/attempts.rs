//! G8: attempts of a target are numbered from 1 without gaps, at most `retries + 1`, each after the
//! failure of the one before; none that is owed is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dkron_core::domain::{Concurrency, Job, JobName, JobNo, Seq, State};
use dkron_core::ledger::{Command, Fire, Fired, Ledger, Reply, Row, RowOp, Trigger};

use super::{Check, Commit, require};

#[derive(Clone, Debug)]
struct Attempt {
    job_no: JobNo,
    number: u32,
    name: JobName,
    ended: Option<State>,
    /// It failed, and its job allows another one.
    owes: bool,
}

#[derive(Debug, Default)]
pub struct Attempts {
    attempts: BTreeMap<Seq, Attempt>,
    /// The first attempt of each later one's target.
    roots: BTreeMap<Seq, Seq>,
}

impl Attempts {
    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        if let (Command::Fire(fires), Reply::Fired(fired)) =
            (commit.entry.command.inner(), &commit.outcome.reply)
        {
            for (fire, fired) in fires.iter().zip(fired) {
                self.fired(fire.job_no, &fire.trigger, fired)?;
            }
        }
        for op in &commit.outcome.rows {
            let RowOp::PutNew(Row::History { record, .. }) = op else { continue };
            let Some(attempt) = self.attempts.get_mut(&record.seq) else { continue };
            require(attempt.number == record.attempt, "G8", || {
                format!("{} is attempt {}, not {}", record.seq, attempt.number, record.attempt)
            })?;
            let state = record.finish.state;
            attempt.ended = Some(state);
            let job = commit.ledger.definition(record.job_no, record.version);
            let again = |job: &Arc<Job>| {
                record.attempt <= job.retries && job.policy().retry.on.covers(state)
            };
            attempt.owes = record.cancel.is_none() && job.is_some_and(again);
            attempt.name = record.job_name.clone();
        }
        self.kept(commit)?;
        let gone = |no: JobNo| commit.ledger.job_no(no).is_none_or(|job| job.runtime.deleted);
        self.attempts.retain(|_, attempt| !gone(attempt.job_no));
        Ok(())
    }

    /// What is owed is in the ledger, unless somebody wanted the end of it.
    fn kept(&mut self, commit: Commit<'_>) -> Check {
        let owed: BTreeSet<Seq> = commit.ledger.retries().map(|(.., failed)| failed).collect();
        let replaced = |name: &JobName| {
            let Command::Fire(fires) = commit.entry.command.inner() else { return false };
            let job = |fire: &Fire| commit.ledger.job_no(fire.job_no).map(|state| &state.job);
            let mut jobs = fires.iter().filter_map(job);
            jobs.any(|job| job.name == *name && job.concurrency == Concurrency::Replace)
        };
        let cancelled = |name: &JobName| match commit.entry.command.inner() {
            Command::Cancel(cancel) => cancel.name == *name,
            _ => false,
        };
        let gone = |no: JobNo| commit.ledger.job_no(no).is_none_or(|job| job.runtime.deleted);
        for (seq, attempt) in &mut self.attempts {
            if !attempt.owes || owed.contains(seq) || gone(attempt.job_no) {
                continue;
            }
            let wanted = cancelled(&attempt.name) || replaced(&attempt.name);
            require(wanted, "G8", || format!("the attempt after {seq} is forgotten"))?;
            attempt.owes = false;
        }
        Ok(())
    }

    /// The first attempt of that execution's target.
    pub fn root(&self, seq: Seq) -> Seq {
        self.roots.get(&seq).copied().unwrap_or(seq)
    }

    fn fired(&mut self, job_no: JobNo, trigger: &Trigger, fired: &Fired) -> Check {
        let mut number = 1;
        if let Trigger::Retry { failed, .. } = trigger {
            if *fired == Fired::Void {
                return Ok(());
            }
            if let Fired::Run { seqs, .. } = fired {
                let root = self.root(*failed);
                self.roots.extend(seqs.iter().map(|seq| (*seq, root)));
            }
            let Some(before) = self.attempts.get_mut(failed) else { return Ok(()) };
            require(before.owes, "G8", || format!("an attempt after {before:?}"))?;
            before.owes = false;
            number = before.number + 1;
        }
        if let Fired::Run { seqs, .. } = fired {
            for seq in seqs {
                let (name, ended, owes) = (JobName::default(), None, false);
                self.attempts.insert(*seq, Attempt { job_no, number, name, ended, owes });
            }
        }
        Ok(())
    }

    pub fn settled(&self, ledger: &Ledger) -> Check {
        for (seq, attempt) in &self.attempts {
            let settled = attempt.ended.is_some() && !attempt.owes;
            require(settled, "I3", || format!("{seq} is not settled: {attempt:?}"))?;
        }
        require(ledger.live_count() == 0, "I3", || "live executions are left".into())
    }
}
