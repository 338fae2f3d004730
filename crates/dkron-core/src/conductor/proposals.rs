//! What is on its way into the log, and what follows from its fate. A proposal whose fate is not
//! known is forgotten: the fact behind it still stands in the ledger or here, and is asked again;
//! `apply` ignores the second of two.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::action::{Action, Answer, Note, Refusal};
use super::fire_batch::FireBatch;
use super::input::{Fate, Ticket};
use super::manual::PlacedRun;
use super::queue::Turns;
use super::{CALM, Conductor, keys};
use crate::domain::{EndReason, HistoryNo, JobName, JobNo, NodeName, Now, PauseNo, Seq, Timestamp};
use crate::ledger::{Command, End, Ledger, Rejection, Reply};
use crate::worker::Order;

/// The purpose of a proposal.
#[derive(Clone, Debug)]
pub(super) enum Proposal {
    Office,
    Settings,
    Fires(FireBatch),
    Turns(Turns),
    Run(PlacedRun),
    /// A write of a job; others of the same name wait for it.
    Write {
        ticket: Ticket,
        name: JobName,
    },
    /// A write that waits for nothing: pause, settings, cancel.
    Plain {
        ticket: Ticket,
    },
    Report {
        starts: Vec<(Seq, Timestamp)>,
        ends: Vec<(End, NodeName)>,
    },
    Output {
        seq: Seq,
    },
    Expire {
        key: (JobNo, HistoryNo),
    },
    Prune {
        job_no: JobNo,
    },
    Version,
    PauseEnd {
        id: PauseNo,
    },
    /// The end of a run on a drained node.
    Drained {
        seq: Seq,
    },
}

impl Conductor {
    pub(super) fn propose(
        &mut self,
        proposal: Proposal,
        command: Command,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        self.last_ticket.0 += 1;
        let ticket = self.last_ticket;
        let tenure = match proposal {
            Proposal::Write { .. } | Proposal::Plain { .. } | Proposal::Settings => {
                Default::default()
            }
            _ => self.tenure.unwrap_or_default(),
        };
        self.proposals.insert(ticket, proposal);
        out.push(Action::Propose { ticket, at: now.wall, tenure, command: Box::new(command) });
    }

    pub(super) fn resolved(
        &mut self,
        ledger: &Ledger,
        now: Now,
        ticket: Ticket,
        fate: Fate,
        out: &mut Vec<Action>,
    ) {
        let Some(proposal) = self.proposals.remove(&ticket) else { return };
        if fate == Fate::Refused {
            // Asking again at once would only find the queue full again.
            self.calm_until = now.mono + CALM;
        }
        match proposal {
            Proposal::Office => self.office_resolved(ledger, now, fate, out),
            Proposal::Settings => self.settling = false,
            Proposal::Fires(batch) => self.fires_resolved(ledger, now, batch, out),
            Proposal::Turns(turns) => {
                self.take_back(&turns.nodes);
                for turn in &turns.taken {
                    self.turning.remove(turn);
                }
            }
            Proposal::Run(run) => self.run_resolved(ledger, now, run, fate, out),
            Proposal::Write { ticket, name } => {
                self.write_resolved(ledger, now, ticket, &name, fate, out);
            }
            Proposal::Plain { ticket } => {
                let answer = answered(ledger, fate);
                out.push(Action::Answer { ticket, answer });
            }
            Proposal::Report { starts, ends } => {
                if !done(&fate) {
                    let again = starts.into_iter().rev();
                    again.for_each(|(seq, at)| self.starts.push_front((now.mono, seq, at)));
                }
                self.report_resolved(ledger, now, ends, &fate, out);
            }
            Proposal::Output { seq } => {
                self.asks_again |= !done(&fate);
                self.processing.remove(&seq);
            }
            Proposal::Expire { key } => {
                self.asks_again |= !done(&fate);
                self.expiring.remove(&key);
            }
            Proposal::Prune { job_no } => {
                self.pruning.remove(&job_no);
            }
            Proposal::Version => {
                self.raising = false;
                if done(&fate) {
                    out.push(Action::Note(Note::Raised(ledger.version())));
                }
            }
            Proposal::PauseEnd { id } => {
                self.ending_pauses.remove(&id);
            }
            Proposal::Drained { seq } => {
                self.cancelling.remove(&seq);
            }
        }
    }

    fn office_resolved(&mut self, ledger: &Ledger, now: Now, fate: Fate, out: &mut Vec<Action>) {
        if let Fate::Applied(Reply::InOffice(tenure)) = fate
            && ledger.tenure() == tenure
        {
            self.tenure = Some(tenure);
            self.took_office_at = now.mono;
            out.push(Action::Note(Note::InOffice(tenure)));
        }
    }

    fn fires_resolved(
        &mut self,
        ledger: &Ledger,
        now: Now,
        batch: FireBatch,
        out: &mut Vec<Action>,
    ) {
        self.take_back(&batch.nodes);
        for child in &batch.children {
            self.triggering.remove(child);
        }
        for retry in &batch.retries {
            self.retrying.remove(retry);
        }
        self.late_entries -= usize::from(batch.late);
        for (job_no, _) in &batch.jobs {
            self.firing.remove(job_no);
            self.due.look_at(ledger, *job_no);
        }
        if self.writes.is_empty() {
            return;
        }
        // By name: the fire may have been the last of its job, and writes still wait.
        for (_, name) in &batch.jobs {
            self.go_on(ledger, now, name, out);
        }
    }

    pub(super) fn take_back(&mut self, nodes: &[NodeName]) {
        for node in nodes {
            if let Some(given) = self.given.get_mut(node) {
                *given = given.saturating_sub(1);
            }
        }
    }

    fn report_resolved(
        &mut self,
        ledger: &Ledger,
        now: Now,
        ends: Vec<(End, NodeName)>,
        fate: &Fate,
        out: &mut Vec<Action>,
    ) {
        self.reports = self.reports.saturating_sub(1);
        let tenure = self.tenure.unwrap_or_default();
        let done = done(fate);
        for (end, node) in ends {
            self.ending.remove(&end.seq);
            if !done {
                self.end(end, node);
                continue;
            }
            self.sessions.sent.remove(&end.seq);
            if let Some((node, finish)) = self.losing.remove(&end.seq).flatten() {
                self.finished(ledger, now, node, end.seq, finish, out);
            } else if end.finish.reason == EndReason::Silent {
                // It may have come back meanwhile, and run on. Its result is not acknowledged
                // before it is known.
                self.sessions.send(tenure, &node, Order::Kill(end.seq), out);
            } else {
                self.sessions.send(tenure, &node, Order::EndCommitted(end.seq), out);
                self.sessions.send(tenure, &node, Order::OutputStored(end.seq), out);
            }
        }
    }
}

fn done(fate: &Fate) -> bool {
    matches!(fate, Fate::Applied(Reply::Done | Reply::Repeated))
}

/// The answer to a request that was proposed as it is.
pub(super) fn answered(ledger: &Ledger, fate: Fate) -> Result<Answer, Refusal> {
    match fate {
        Fate::Applied(Reply::Job(job)) => Ok(Answer::Job(job)),
        Fate::Applied(Reply::Done | Reply::Repeated) => Ok(Answer::Done),
        Fate::Applied(Reply::Cancelling { executions, retries, queued }) => {
            Ok(Answer::Cancelling { executions, retries, queued })
        }
        Fate::Applied(Reply::SchedulingPaused(id)) => Ok(Answer::SchedulingPaused(id)),
        Fate::Applied(Reply::Resumed(pauses)) => Ok(Answer::Resumed(pauses)),
        Fate::Applied(Reply::Again(found)) => keys::again(ledger, *found),
        other => Err(refused(other)),
    }
}

pub(super) fn refused(fate: Fate) -> Refusal {
    match fate {
        Fate::Applied(Reply::Rejected(Rejection::KeyReused)) => Refusal::KeyReused,
        Fate::Applied(Reply::Rejected(rejection)) => Refusal::Rejected(rejection),
        Fate::Refused => Refusal::Busy,
        Fate::NotLeader | Fate::Applied(Reply::Deposed) => Refusal::NoLeader,
        Fate::Applied(_) | Fate::Unknown => Refusal::Unknown,
    }
}
