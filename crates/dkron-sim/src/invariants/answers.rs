//! G1 from the client's side: what was acknowledged is in the log, what was refused is not, and
//! everybody gets one answer.

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::conductor::{Answer, Refusal, Request, Ticket};
use dkron_core::domain::{
    Cause, Job, JobNo, PauseNo, Policy, QueueNo, RequestId, RequestKey, Timestamp, Version, limits,
};
use dkron_core::ledger::{Command, Fired, Reply, Trigger};

use super::{Check, Commit, require};
use crate::workload::WRITER;

type Writer = String;

#[derive(Debug, Default)]
pub struct Answers {
    open: BTreeMap<(u64, Ticket), Request>,
    /// Definitions by the request that wrote them.
    written: BTreeMap<Writer, (JobNo, Version)>,
    refused: BTreeMap<Writer, Refusal>,
    asked: BTreeSet<RequestId>,
    /// Runs that wait or waited for their turn.
    queued: BTreeMap<(JobNo, QueueNo), RequestId>,
    waits: BTreeSet<RequestId>,
    runs: BTreeMap<RequestId, Option<u64>>,
    runs_refused: BTreeMap<RequestId, Refusal>,
    pauses: BTreeSet<PauseNo>,
    toggles: Tally,
    deletes: Tally,
    /// When a request under a key was carried out last.
    keys: BTreeMap<[u8; 16], Timestamp>,
}

/// How often something was done, and how often somebody was told so, or not told.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    done: u64,
    told: u64,
    untold: u64,
}

impl Answers {
    pub fn asked(&mut self, life: u64, ticket: Ticket, request: &Request) {
        if let Request::Run { id, .. } = inner(request) {
            self.asked.insert(*id);
        }
        if let Request::RunByHand { by_hand, .. } = inner(request) {
            self.asked.insert(by_hand.id);
        }
        self.open.insert((life, ticket), request.clone());
    }

    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        self.keyed(&commit)?;
        match (commit.entry.command.inner(), &commit.outcome.reply) {
            (Command::PutJob(put) | Command::Restore(put), Reply::Job(job)) => {
                let Some(writer) = put.submission.job.metadata.get(WRITER) else { return Ok(()) };
                let first = self.written.insert(writer.to_owned(), (job.job_no, job.version));
                require(first.is_none(), "G1", || format!("write {writer} is done twice"))?;
                let refused = self.refused.get(writer);
                require(refused.is_none(), "G1", || {
                    format!("write {writer} is done, but was refused: {refused:?}")
                })?;
            }
            (Command::PauseScheduling(_), Reply::SchedulingPaused(id)) => {
                self.pauses.insert(*id);
            }
            (Command::ToggleJob(_), Reply::Job(_)) => self.toggles.done += 1,
            (Command::DeleteJob(_), Reply::Job(_)) => self.deletes.done += 1,
            (Command::Fire(fires), Reply::Fired(fired)) => {
                for (fire, fired) in fires.iter().zip(fired) {
                    let by_hand = by_hand(&fire.trigger);
                    if let (Some(id), Fired::Queued(no)) = (by_hand, fired) {
                        self.queued.insert((fire.job_no, *no), id);
                        self.waits.insert(id);
                    }
                    let id = match &fire.trigger {
                        Trigger::Manual(_) | Trigger::ByHand(_) => by_hand,
                        Trigger::Queued(no) => self.queued.get(&(fire.job_no, *no)).copied(),
                        _ => None,
                    };
                    let (Some(id), Fired::Run { group, .. }) = (&id, fired) else { continue };
                    let asked = self.asked.contains(id);
                    require(asked, "G2", || format!("{id:?} runs, but nobody asked for it"))?;
                    let before = self.runs.insert(*id, Some(group.0));
                    require(before.is_none(), "G2", || format!("request {id:?} runs twice"))?;
                    let refused = self.runs_refused.get(id);
                    require(refused.is_none(), "G1", || format!("{id:?} runs, but {refused:?}"))?;
                    let cause = commit.ledger.group(*group).map(|group| group.cause.clone());
                    let right = cause.is_none_or(|cause| match cause {
                        Cause::ByHand(by_hand) => by_hand.id == *id,
                        cause => cause == Cause::Manual(*id),
                    });
                    require(right, "G1", || format!("{id:?} has another cause"))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What has a key is carried out once a day.
    fn keyed(&mut self, commit: &Commit<'_>) -> Check {
        let Command::Write(write) = &commit.entry.command else { return Ok(()) };
        let Some(key) = write.origin.key else { return Ok(()) };
        let done = match &commit.outcome.reply {
            Reply::Fired(fired) => {
                fired.iter().any(|it| matches!(it, Fired::Run { .. } | Fired::Queued(_)))
            }
            Reply::Job(_) | Reply::Done | Reply::Cancelling { .. } => true,
            _ => false,
        };
        if !done {
            return Ok(());
        }
        let at = commit.entry.at;
        let before = self.keys.insert(key.name, at);
        let twice = before.is_some_and(|before| at.since(before) < limits::KEYED_FOR);
        require(!twice, "G2", || format!("{key:?} is carried out twice"))
    }

    pub fn answered(
        &mut self,
        life: u64,
        ticket: Ticket,
        answer: &Result<Answer, Refusal>,
    ) -> Check {
        let request = self.open.remove(&(life, ticket));
        let Some(request) = request else {
            return require(false, "G1", || format!("{ticket:?} is answered, but not open"));
        };
        let unknown = *answer == Err(Refusal::Unknown);
        if let Ok(Answer::Again { .. }) | Err(Refusal::Past { .. }) = answer {
            let key = key_of(&request).map(|key| key.name);
            let known = key.is_some_and(|key| self.keys.contains_key(&key));
            return require(known, "G2", || format!("{request:?} was not carried out before"));
        }
        match inner(&request) {
            Request::Put(posted) | Request::Restore(posted) => {
                let Some(writer) = posted.job.metadata.get(WRITER) else { return Ok(()) };
                let written = self.written.get(writer);
                match answer {
                    Ok(Answer::Job(job)) => require(
                        written == Some(&(job.job_no, job.version)) && same(&job.job, &posted.job),
                        "G1",
                        || {
                            format!(
                                "write {writer} is acknowledged as {job:?}, stored: {written:?}"
                            )
                        },
                    ),
                    Err(Refusal::Unknown) => Ok(()),
                    Err(refusal) => {
                        self.refused.insert(writer.to_owned(), refusal.clone());
                        require(written.is_none(), "G1", || {
                            format!("write {writer} is done, but refused: {refusal:?}")
                        })
                    }
                    Ok(other) => require(false, "G1", || format!("a write is answered {other:?}")),
                }
            }
            Request::RunByHand { by_hand, .. } => self.ran(by_hand.id, answer),
            Request::Run { id, .. } => self.ran(*id, answer),
            Request::Toggle(_) => self.toggles.told(answer.is_ok(), unknown),
            Request::Delete(_) => self.deletes.told(answer.is_ok(), unknown),
            Request::Clear(_)
            | Request::Pause(_)
            | Request::Cancel(_)
            | Request::PutSettings(_)
            | Request::SetEligibility(_)
            | Request::ResumeScheduling(_)
            | Request::Note(_)
            | Request::Asked(_) => Ok(()),
            Request::PauseScheduling(_) => match answer {
                Ok(Answer::SchedulingPaused(id)) => require(self.pauses.contains(id), "G1", || {
                    format!("pause {id} is acknowledged, not committed")
                }),
                Ok(other) => require(false, "G1", || format!("a pause is answered {other:?}")),
                Err(_) => Ok(()),
            },
        }
    }

    fn ran(&mut self, id: RequestId, answer: &Result<Answer, Refusal>) -> Check {
        let id = &id;
        match answer {
            Ok(Answer::Ran { group, .. }) => {
                let right = self.runs.get(id) == Some(&Some(group.0));
                require(right, "G1", || format!("run {id:?} acknowledged, not committed"))
            }
            Ok(Answer::Queued { .. }) => require(self.waits.contains(id), "G1", || {
                format!("run {id:?} is said to wait for its turn, but does not")
            }),
            Err(Refusal::Unknown) => Ok(()),
            Err(refusal) => {
                self.runs_refused.insert(*id, refusal.clone());
                let ran = self.runs.contains_key(id) || self.waits.contains(id);
                require(!ran, "G1", || format!("run {id:?} ran, but {refusal:?}"))
            }
            Ok(other) => require(false, "G1", || format!("a run is answered {other:?}")),
        }
    }

    /// The server died: nobody will be told.
    pub fn died(&mut self, life: u64) {
        let own = self.open.extract_if((life, Ticket(0))..=(life, Ticket(u64::MAX)), |_, _| true);
        for (_, request) in own {
            match inner(&request) {
                Request::Toggle(_) => self.toggles.untold += 1,
                Request::Delete(_) => self.deletes.untold += 1,
                _ => {}
            }
        }
    }

    pub fn settled(&self) -> Check {
        require(self.open.is_empty(), "liveness", || format!("no answer: {:?}", self.open))?;
        for tally in [self.toggles, self.deletes] {
            // Ephemeral jobs go without a request, so `done` counts commands only.
            let right = (tally.told..=tally.told + tally.untold).contains(&tally.done);
            require(right, "G1", || format!("acknowledged and done differ: {tally:?}"))?;
        }
        Ok(())
    }
}

/// What is asked for, without what belongs to it.
fn inner(request: &Request) -> &Request {
    match request {
        Request::Asked(asked) => &asked.request,
        request => request,
    }
}

fn key_of(request: &Request) -> Option<RequestKey> {
    let Request::Asked(asked) = request else { return None };
    asked.origin.as_ref()?.key
}

fn by_hand(trigger: &Trigger) -> Option<RequestId> {
    match trigger {
        Trigger::Manual(id) => Some(*id),
        Trigger::ByHand(by_hand) => Some(by_hand.id),
        _ => None,
    }
}

/// Whether that is what was asked for; wishes that are all defaults are stored as none.
fn same(stored: &Job, posted: &Job) -> bool {
    let policy = posted.policy.clone().filter(|policy| **policy != Policy::DEFAULT);
    *stored == Job { policy, ..posted.clone() }
}

impl Tally {
    fn told(&mut self, ok: bool, unknown: bool) -> Check {
        self.told += u64::from(ok);
        self.untold += u64::from(unknown);
        Ok(())
    }
}
