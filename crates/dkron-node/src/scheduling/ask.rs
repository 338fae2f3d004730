//! Requests of the façade: to the conductor, and its answers back through the reader, so that a
//! client that has its answer also sees what it caused.

use std::sync::Arc;

use dkron_core::conductor::{Answer, Asked as Terms, Input, Refusal, Request as Ask, Ticket};
use dkron_core::domain::{ByHand, LogIndex, PauseNo, RequestId, Settings};
use dkron_core::ledger::{Cancel, JobSnapshot, Ledger, Rejection};

use super::Scheduling;
use crate::identity;
use crate::reader::{Index, Ran};
use crate::service::{
    Asked, CancelRequest, CancelView, Error, JobView, Member, Reply, Request, RunView,
};

/// Who waits for a ticket's answer.
pub(super) enum Waiting {
    Job(Reply<JobView>),
    Run {
        wait: Option<std::time::Duration>,
        reply: Reply<RunView>,
    },
    Pause {
        paused: bool,
        reply: Reply<bool>,
    },
    /// One job of a restore.
    Restored {
        restore: u64,
        at: usize,
    },
    /// Nobody does: it was said on the way.
    Noted,
    Cancel(Reply<CancelView>),
    Eligibility(Reply<()>),
    SchedulingPaused(Reply<PauseNo>),
    Resumed(Reply<u32>),
    Settings {
        settings: Box<Settings>,
        reply: Reply<Settings>,
    },
}

impl Scheduling {
    pub(super) fn request(&mut self, request: Request) {
        let (asked, request) = match request {
            Request::Asked { asked, request } => (Some(asked), *request),
            request => (None, request),
        };
        let Some(request) = admit(*self.disk_full.borrow(), request) else { return };
        let (ask, waiting) = match request {
            Request::Put { submission, reply } => (Ask::Put(submission), Waiting::Job(reply)),
            Request::Delete { name, reply } => (Ask::Delete(name), Waiting::Job(reply)),
            Request::Toggle { name, reply } => (Ask::Toggle(name), Waiting::Job(reply)),
            Request::Clear { name, reply } => (Ask::Clear(name), Waiting::Job(reply)),
            Request::Pause { paused, reply } => {
                (Ask::Pause(paused), Waiting::Pause { paused, reply })
            }
            Request::Run { name, wait, reply } => match identity::random() {
                Ok(id) => (Ask::Run { name, id: RequestId(id) }, Waiting::Run { wait, reply }),
                Err(err) => return refuse(reply, Error::Storage(err.to_string())),
            },
            Request::RunByHand { name, by_hand, wait, reply } => match identity::random() {
                Ok(id) => {
                    let by_hand = Arc::new(ByHand { id: RequestId(id), ..*by_hand });
                    (Ask::RunByHand { name, by_hand }, Waiting::Run { wait, reply })
                }
                Err(err) => return refuse(reply, Error::Storage(err.to_string())),
            },
            Request::Restore { jobs, reply } => return self.restore(jobs, asked, reply),
            Request::Leave { reply } => return self.leave(reply),
            Request::StateHash { at, reply } => return self.state_hash(at, reply),
            Request::Cancel { cancel, reply } => match command(&self.ledger, *cancel) {
                Ok(cancel) => (Ask::Cancel(Box::new(cancel)), Waiting::Cancel(reply)),
                Err(err) => return refuse(reply, err),
            },
            Request::PutSettings { settings, reply } => {
                (Ask::PutSettings(settings.clone()), Waiting::Settings { settings, reply })
            }
            Request::SetEligibility { wanted, reply } => {
                (Ask::SetEligibility(wanted), Waiting::Eligibility(reply))
            }
            // The façade makes none inside another.
            Request::Asked { .. } => return,
            Request::PauseScheduling { wanted, reply } => {
                (Ask::PauseScheduling(wanted), Waiting::SchedulingPaused(reply))
            }
            Request::ResumeScheduling { wanted, reply } => {
                (Ask::ResumeScheduling(wanted), Waiting::Resumed(reply))
            }
        };
        self.ask(ask, waiting, asked);
    }

    pub(super) fn ask(&mut self, request: Ask, waiting: Waiting, asked: Option<Arc<Asked>>) {
        self.last_request.0 += 1;
        let ticket = self.last_request;
        let request = match &asked {
            Some(asked) => {
                let Asked { demand, origin, verb, .. } = Asked::clone(asked);
                Ask::Asked(Box::new(Terms { demand, origin, verb, request }))
            }
            None => request,
        };
        self.waiting.insert(ticket, (waiting, asked));
        self.input(Input::Request { ticket, request });
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Result<Answer, Refusal>) {
        let Some((waiting, asked)) = self.waiting.remove(&ticket) else { return };
        let answer = receipted(asked.as_deref(), answer, self.ledger.applied());
        match (waiting, answer) {
            (Waiting::Job(reply), Ok(Answer::Job(job))) => {
                self.release_after(move |index| send(reply, Ok(view(index, *job))));
            }
            (Waiting::Run { wait, reply }, Ok(Answer::Ran { job, group, executions })) => {
                self.release_after(move |index| {
                    let job = view(index, *job);
                    index.ran(Ran { job, group, executions, wait, reply });
                });
            }
            (Waiting::Run { wait, reply }, Ok(Answer::Queued { job })) => {
                self.release_after(move |index| {
                    let (job, ended) = (view(index, *job), wait.map(|_| false));
                    let (executions, index) = (Vec::new(), LogIndex(0));
                    send(reply, Ok(RunView { job, group: None, executions, ended, index }));
                });
            }
            (Waiting::Cancel(reply), Ok(Answer::Cancelling { executions, retries, queued })) => {
                self.release_after(move |_| {
                    send(reply, Ok(CancelView { executions, retries, queued }));
                });
            }
            (Waiting::Settings { settings, reply }, Ok(_)) => {
                self.release_after(move |_| send(reply, Ok(*settings)));
            }
            (Waiting::Eligibility(reply), Ok(_)) => {
                self.release_after(move |_| send(reply, Ok(())));
            }
            (Waiting::SchedulingPaused(reply), Ok(Answer::SchedulingPaused(id))) => {
                self.release_after(move |_| send(reply, Ok(id)));
            }
            (Waiting::Resumed(reply), Ok(Answer::Resumed(pauses))) => {
                self.release_after(move |_| send(reply, Ok(pauses)));
            }
            (Waiting::Pause { paused, reply }, Ok(_)) => {
                self.release_after(move |_| send(reply, Ok(paused)));
            }
            (Waiting::Noted, _) => {}
            (Waiting::Restored { restore, at }, answer) => {
                let problem = answer.err();
                self.restored(restore, at, problem);
            }
            (Waiting::Job(reply), other) => send(reply, Err(error(other.err()))),
            (Waiting::Run { reply, .. }, other) => send(reply, Err(error(other.err()))),
            (Waiting::Pause { reply, .. }, other) => send(reply, Err(error(other.err()))),
            (Waiting::Eligibility(reply), other) => send(reply, Err(error(other.err()))),
            (Waiting::SchedulingPaused(reply), other) => send(reply, Err(error(other.err()))),
            (Waiting::Resumed(reply), other) => send(reply, Err(error(other.err()))),
            (Waiting::Cancel(reply), other) => send(reply, Err(error(other.err()))),
            (Waiting::Settings { reply, .. }, other) => send(reply, Err(error(other.err()))),
        }
    }

    /// Once the reader has seen everything up to now.
    pub(super) fn release_after(&mut self, release: impl FnOnce(&mut Index) + Send + 'static) {
        self.update.releases.push(Box::new(release));
    }

    fn leave(&mut self, reply: Reply<Vec<Member>>) {
        let leave = self.leave.clone();
        self.release_after(move |index| {
            send(reply, Ok(index.members()));
            // The front door ends the node; a second call finds it ending.
            let _ = leave.send(());
        });
    }
}

/// On a full disk only what makes room, or needs next to none, goes on.
fn admit(disk_full: bool, request: Request) -> Option<Request> {
    if !disk_full {
        return Some(request);
    }
    match request {
        Request::Put { reply, .. } | Request::Toggle { reply, .. } => {
            refuse(reply, Error::DiskFull);
        }
        Request::Run { reply, .. } | Request::RunByHand { reply, .. } => {
            refuse(reply, Error::DiskFull);
        }
        Request::Restore { reply, .. } => refuse(reply, Error::DiskFull),
        Request::Delete { .. }
        | Request::Clear { .. }
        | Request::Pause { .. }
        | Request::Leave { .. }
        | Request::Cancel { .. }
        | Request::SetEligibility { .. }
        | Request::PauseScheduling { .. }
        | Request::ResumeScheduling { .. }
        | Request::PutSettings { .. }
        | Request::Asked { .. }
        | Request::StateHash { .. } => return Some(request),
    }
    None
}

/// The ledger knows executions by their numbers; the node of an id must be the right one too.
fn command(ledger: &Ledger, cancel: CancelRequest) -> Result<Cancel, Error> {
    let CancelRequest { name, execution, by, reason } = cancel;
    if let Some(id) = &execution
        && ledger.live(id.seq).is_some_and(|(_, slot)| slot.target.node != id.node)
    {
        return Err(Error::ExecutionNotFound);
    }
    Ok(Cancel { name, execution: execution.map(|id| id.seq), by, reason })
}

/// The answer itself. What it says of the entry that carried the write goes onto its receipt.
fn receipted(
    asked: Option<&Asked>,
    answer: Result<Answer, Refusal>,
    applied: LogIndex,
) -> Result<Answer, Refusal> {
    let receipt = asked.map(|asked| &*asked.receipt);
    match (answer, receipt) {
        (Ok(Answer::Again { index, answer }), receipt) => {
            receipt.inspect(|receipt| receipt.note_repeated(index));
            Ok(*answer)
        }
        (Err(Refusal::Past { index, job_no, version }), receipt) => {
            receipt.inspect(|receipt| receipt.note_repeated(index));
            Err(Refusal::Past { index, job_no, version })
        }
        (answer, receipt) => {
            // The entry is the last that was applied; what needed none is as new as that.
            receipt.filter(|_| answer.is_ok()).inspect(|receipt| receipt.note(applied));
            answer
        }
    }
}

fn view(index: &Index, job: JobSnapshot) -> JobView {
    index.snapshot_view(job)
}

/// Who asked may have gone away meanwhile.
pub(super) fn send<T>(reply: Reply<T>, answer: Result<T, Error>) {
    let _ = reply.send(answer);
}

fn refuse<T>(reply: Reply<T>, err: Error) {
    send(reply, Err(err));
}

/// The façade's word for a refusal; none means an answer of another kind, which is a repeat.
pub(super) fn error(refusal: Option<Refusal>) -> Error {
    match refusal {
        Some(Refusal::Invalid(text)) => Error::Invalid(text),
        Some(Refusal::KeyReused) => Error::KeyReused,
        Some(Refusal::Past { job_no, version, .. }) => Error::Past(job_no, version),
        Some(Refusal::Unready(text)) => Error::Unready(text),
        Some(Refusal::Unmet(present)) => Error::Unmet(present),
        Some(Refusal::NoEligibleNode(name)) => Error::NoEligibleNode(name),
        Some(Refusal::NoCapacity(name)) => Error::NoCapacity(name),
        Some(Refusal::Busy) => Error::Busy,
        Some(Refusal::NoLeader) => Error::NoLeader,
        Some(Refusal::Rejected(rejection)) => match rejection {
            Rejection::Paused => Error::Paused,
            Rejection::JobNotFound(_) => Error::JobNotFound,
            Rejection::ParentNotFound(_) => Error::ParentNotFound,
            Rejection::Cycle(name) => Error::Cycle(name),
            Rejection::HasDependents(names) => Error::HasDependents(names),
            Rejection::Overlap(id) => Error::Overlap(id),
            Rejection::QueueFull(depth) => Error::QueueFull(depth),
            Rejection::NotLive(_) => Error::ExecutionNotFound,
            Rejection::TooManyDrains(most) => {
                Error::Invalid(format!("{most} nodes are drained already, the most there may be"))
            }
            Rejection::TooManyPauses(most) => Error::Refused(format!(
                "there are {most} pauses of scheduling already, the most there may be: resume one"
            )),
            Rejection::PauseNotFound(id) => Error::PauseNotFound(id),
            Rejection::KeyReused => Error::KeyReused,
            Rejection::Stale => Error::Unknown,
        },
        Some(Refusal::Unknown) | None => Error::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use dkron_core::domain::JobName;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_full_disk_refuses_what_needs_room() {
        let name = || JobName::new("backup");
        let (reply, mut answer) = oneshot::channel();
        assert!(admit(true, Request::Toggle { name: name(), reply }).is_none());
        assert_eq!(answer.try_recv().unwrap().err(), Some(Error::DiskFull));
        let (reply, mut answer) = oneshot::channel();
        assert!(admit(true, Request::Restore { jobs: Vec::new(), reply }).is_none());
        assert_eq!(answer.try_recv().unwrap().err(), Some(Error::DiskFull));
        let (reply, mut answer) = oneshot::channel();
        assert!(admit(true, Request::Run { name: name(), wait: None, reply }).is_none());
        assert_eq!(answer.try_recv().unwrap().err(), Some(Error::DiskFull));
        let (reply, _answer) = oneshot::channel();
        assert!(admit(true, Request::Delete { name: name(), reply }).is_some());
        let (reply, _answer) = oneshot::channel();
        assert!(admit(true, Request::Clear { name: name(), reply }).is_some());
        let (reply, _answer) = oneshot::channel();
        assert!(admit(false, Request::Toggle { name: name(), reply }).is_some());
    }
}
