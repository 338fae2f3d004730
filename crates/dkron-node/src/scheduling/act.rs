//! What the conductor wants done is done here, without waiting.

use bytes::Bytes;
use dkron_core::conductor::{Action, Fate, Note, Ticket};
use dkron_core::domain::{NodeName, Tenure, Timestamp};
use dkron_core::ledger::{Command, Trigger};
use dkron_raft::{Lane, Outcome, Refused};

use super::Scheduling;
use crate::event::Event;
use crate::reads::Office;
use crate::telemetry::{self, Timer};

impl Scheduling {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Propose { ticket, at, tenure, command } => {
                self.propose(ticket, at, tenure, &command);
            }
            Action::Send { node, message } => {
                if !self.sessions.send(&node, *message) {
                    tracing::debug!(%node, "a node is behind or gone: its session begins anew");
                }
            }
            Action::Process { record, job } => {
                let own = job.policy().output_limit;
                let limit = own.unwrap_or(self.ledger.settings().output_limit);
                self.processing.start(record, job, limit);
            }
            Action::Answer { ticket, answer } => self.answer(ticket, answer),
            Action::Wake(at) => self.wake = at,
            Action::HandOver { to } => self.hand_over(&to),
            Action::Note(note) => self.note(note),
        }
    }

    fn propose(&mut self, ticket: Ticket, at: Timestamp, tenure: Tenure, command: &Command) {
        if let Some(timer) = timer(command) {
            self.proposed.insert(ticket, (self.now.mono, timer));
        }
        let name = Some(self.mint.name(ticket.0));
        #[cfg(test)]
        crate::sim::proposed(name, command, &self.ledger);
        let bytes = Bytes::from(dkron_wire::encode_entry(at, tenure, name, command));
        let events = self.events.clone();
        let done = move |outcome| {
            let fate = match outcome {
                // Applied entries were answered by their own application.
                Outcome::Committed { .. } => return,
                Outcome::NotLeader { .. } => Fate::NotLeader,
                Outcome::Unknown => Fate::Unknown,
            };
            // The thread is gone if nobody listens, and its conductor with it.
            let _ = events.send(Event::Fate { ticket, fate });
        };
        let refused = match &self.raft {
            Some(raft) => raft.try_propose_with(lane(tenure, command), bytes, done).err(),
            None => Some(Refused::Stopped),
        };
        if let Some(refused) = refused {
            let fate = match refused {
                Refused::Busy | Refused::TooLarge { .. } => Fate::Refused,
                Refused::Stopped => Fate::NotLeader,
            };
            telemetry::refused();
            // Conductor commands are facts that are asked again with the next alarm, not at once.
            let _ = self.events.send(Event::Fate { ticket, fate });
        }
    }

    /// Asked for again for as long as this server leads with a wrong clock.
    fn hand_over(&self, to: &NodeName) {
        let Some(raft) = self.raft.clone() else { return };
        let membership = raft.membership();
        let next = membership.voters().find(|server| server.peer.name == to.as_str());
        let Some(next) = next.map(|server| server.peer.id) else { return };
        let to = to.clone();
        tracing::warn!(server = %to, "this server's clock is wrong: that one shall lead");
        self.pool.spawn(async move {
            if let Err(err) = raft.transfer(Some(next)).await {
                tracing::warn!(server = %to, %err, "the leadership was not handed over");
            }
        });
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::InOffice(tenure) => {
                self.update.office = Some(Some(Office { tenure, epoch: self.elected }));
                tracing::info!(%tenure, "dkron: cluster leadership acquired");
                tracing::info!("agent: Starting scheduler");
                telemetry::in_office();
                if let Some(at) = self.elected_at.take() {
                    Timer::EstablishLeadership.record(self.now.mono.saturating_sub(at));
                }
            }
            Note::ClockStep { millis } if millis > 0 => {
                tracing::warn!(millis, "the wall clock was set forward; slots wait 10 s");
            }
            Note::ClockStep { millis } => {
                tracing::warn!(millis, "the wall clock was set back; no slot fires twice");
            }
            Note::SessionOpen(node) => tracing::info!(%node, "node session open"),
            Note::SessionLost(node) => tracing::warn!(%node, "node session lost"),
            Note::BadSchedule(job) => {
                tracing::error!(%job, "the stored schedule does not parse here: change the job");
            }
            Note::ClocksUnknown => {
                tracing::warn!("no majority of servers said what time it is; slots go on");
            }
            Note::ClockWrong { millis } => {
                tracing::error!(
                    millis,
                    "a majority of servers agree on another time than this one"
                );
            }
            Note::ClocksApart { node, millis } => {
                tracing::warn!(%node, millis, "the clocks of that server and of this one differ");
            }
            Note::NodeTooOld { node, version } => {
                tracing::error!(%node, version, "the node is older than the cluster: upgrade it");
            }
            Note::Raised(version) => {
                tracing::info!(version, "the whole cluster knows this version: no way back");
            }
        }
    }
}

/// Which figure a proposal's time belongs to.
fn timer(command: &Command) -> Option<Timer> {
    match command.inner() {
        Command::TakeOffice(_) => Some(Timer::Barrier),
        Command::Report(report) if report.ends.is_empty() => Some(Timer::SetExecution),
        Command::Report(_) => Some(Timer::ExecutionDone),
        _ => None,
    }
}

/// API writes can not take the room of the conductor's commands.
fn lane(tenure: Tenure, command: &Command) -> Lane {
    match command.inner() {
        Command::Fire(fires) if matches!(fires.as_slice(), [fire] if is_manual(&fire.trigger)) => {
            Lane::Api
        }
        Command::PutSettings(_) | Command::TakeOffice(_) => Lane::Conductor,
        _ if tenure == Tenure(0) => Lane::Api,
        _ => Lane::Conductor,
    }
}

fn is_manual(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Manual(_) | Trigger::ByHand(_))
}
