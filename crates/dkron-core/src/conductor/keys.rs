//! Requests that their clients gave a name. The same again is answered from the ledger; while the
//! first is under way it waits for it, and is looked at anew when that is over.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::action::{Action, Answer, Refusal};
use super::input::{Asked, Request, Ticket};
use super::versions::ORIGINS;
use super::{Conductor, writes};
use crate::domain::{Now, RequestKey};
use crate::ledger::{Again, Answered, Known, Ledger};

/// Repeated requests that wait for the first; more are refused.
const WAITING: usize = 1024;

/// Those that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    going: BTreeMap<[u8; 16], Going>,
    by_ticket: BTreeMap<Ticket, [u8; 16]>,
    waiting: usize,
}

#[derive(Clone, Debug)]
struct Going {
    content: [u8; 16],
    waiting: Vec<(Ticket, Asked)>,
}

impl Keys {
    /// Nobody needs to look for answers.
    pub fn is_empty(&self) -> bool {
        self.by_ticket.is_empty()
    }

    /// A request is over: those that waited for it.
    pub fn over(&mut self, ticket: Ticket) -> Vec<(Ticket, Asked)> {
        let name = self.by_ticket.remove(&ticket);
        let going = name.and_then(|name| self.going.remove(&name));
        let waiting = going.map(|going| going.waiting).unwrap_or_default();
        self.waiting -= waiting.len();
        waiting
    }

    /// All that wait.
    pub fn take(&mut self) -> impl Iterator<Item = Ticket> + use<> {
        let going = core::mem::take(self).going.into_values();
        going.flat_map(|going| going.waiting).map(|(ticket, _)| ticket)
    }
}

impl Conductor {
    /// Whether a request with a key goes on; if not it was answered, or waits.
    pub(super) fn is_first(
        &mut self,
        ledger: &Ledger,
        now: Now,
        (ticket, key): (Ticket, RequestKey),
        asked: &Asked,
        out: &mut Vec<Action>,
    ) -> bool {
        if ledger.version() < ORIGINS {
            let version = ledger.version();
            let text = format!(
                "Idempotency-Key: the cluster is at version {version}, keys are kept from \
                 {ORIGINS} on: upgrade all servers and nodes first, or leave the key out"
            );
            out.push(writes::refusal(ticket, Refusal::Unready(text)));
            return false;
        }
        let answer = match ledger.key(&key, now.wall) {
            Known::Again(found) => again(ledger, found),
            Known::Other => Err(Refusal::KeyReused),
            Known::New => {
                let Some(going) = self.keys.going.get_mut(&key.name) else {
                    let (content, waiting) = (key.content, Vec::new());
                    self.keys.going.insert(key.name, Going { content, waiting });
                    self.keys.by_ticket.insert(ticket, key.name);
                    return true;
                };
                if going.content != key.content {
                    Err(Refusal::KeyReused)
                } else if self.keys.waiting >= WAITING {
                    Err(Refusal::Busy)
                } else {
                    going.waiting.push((ticket, asked.clone()));
                    self.keys.waiting += 1;
                    return false;
                }
            }
        };
        out.push(Action::Answer { ticket, answer });
        false
    }

    /// Looks anew at those whose first is over.
    pub(super) fn take_up_repeated(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        let mut seen = 0;
        while seen < out.len() && !self.keys.is_empty() {
            if let Action::Answer { ticket, .. } = &out[seen] {
                for (ticket, asked) in self.keys.over(*ticket) {
                    let request = Request::Asked(Box::new(asked));
                    self.request(ledger, now, ticket, request, out);
                }
            }
            seen += 1;
        }
    }
}

/// The first answer, from what was kept of it and from the job as far as it is there.
pub(super) fn again(ledger: &Ledger, again: Again) -> Result<Answer, Refusal> {
    let Again { index, answer } = again;
    let job = |job_no, version| {
        let state = ledger.job_no(job_no);
        let job = ledger.definition(job_no, version).cloned();
        let (state, job) = state.zip(job).ok_or(Refusal::Past { index, job_no, version })?;
        let mut snapshot = state.snapshot();
        (snapshot.version, snapshot.job) = (version, job);
        Ok(Box::new(snapshot))
    };
    // What ran is shown by its number; the job beside it may be a later one.
    let present = |job_no, version| {
        let later = ledger.job_no(job_no).map(|state| Box::new(state.snapshot()));
        job(job_no, version).or_else(|past| later.ok_or(past))
    };
    let answer = match answer {
        Answered::Done => Answer::Done,
        Answered::Job { job_no, version } => Answer::Job(job(job_no, version)?),
        Answered::Ran { job_no, version, group, executions } => {
            Answer::Ran { job: present(job_no, version)?, group, executions }
        }
        Answered::Queued { job_no, version } => Answer::Queued { job: present(job_no, version)? },
        Answered::SchedulingPaused(id) => Answer::SchedulingPaused(id),
        Answered::Resumed(pauses) => Answer::Resumed(pauses),
        Answered::Cancelling { executions, retries, queued } => {
            Answer::Cancelling { executions, retries, queued }
        }
    };
    Ok(Answer::Again { index, answer: Box::new(answer) })
}
