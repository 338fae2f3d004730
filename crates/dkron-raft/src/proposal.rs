//! The life of one proposal, from the lane to its outcome.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use openraft::errors::{ClientWriteError, ForwardToLeader};
use openraft::raft::ClientWriteResult;
use openraft::raft::responder::Responder;
use tokio::sync::{mpsc, oneshot};

use crate::config::{Command, Member, Types};
use crate::lanes::Slot;
use crate::start::Raft;
use crate::transport::Peer;

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable on a majority and applied here.
    Committed { index: u64 },
    /// Not appended here, certainly without effect; try the hinted server.
    NotLeader { hint: Option<Peer> },
    /// It may be committed or may become so later: repeat with the same request id.
    Unknown,
}

/// The outcome to come. Dropping it does not take the proposal back.
#[derive(Debug)]
pub struct Proposal(pub(crate) oneshot::Receiver<Outcome>);

impl Proposal {
    /// For callers that must not wait: none while the outcome is open.
    pub fn try_outcome(&mut self) -> Option<Outcome> {
        match self.0.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Outcome::Unknown),
        }
    }
}

impl Future for Proposal {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.0).poll(ctx).map(|outcome| outcome.unwrap_or(Outcome::Unknown))
    }
}

pub(crate) type Done = Box<dyn FnOnce(Outcome) + Send>;

/// Holds the slot and owes the answer; dropped unanswered it says `Unknown`.
pub(crate) struct Ticket(Option<(Slot, Done)>);

impl Ticket {
    pub(crate) fn new(slot: Slot, done: Done) -> Self {
        Self(Some((slot, done)))
    }

    fn settle(mut self, outcome: Outcome) {
        self.answer(outcome);
    }

    fn answer(&mut self, outcome: Outcome) {
        if let Some((slot, done)) = self.0.take() {
            // First the room, so that who hears the answer can propose again.
            drop(slot);
            done(outcome);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.answer(Outcome::Unknown);
    }
}

pub(crate) struct Ask {
    pub bytes: Bytes,
    pub ticket: Ticket,
}

/// What the library calls with a result. Its generic form is the library's wish.
pub(crate) struct Reply<T>(Box<dyn FnOnce(T) + Send>);

impl<T: Send + 'static> Responder<Types, T> for Reply<T> {
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}

fn reply(ticket: Ticket) -> Reply<ClientWriteResult<Types>> {
    Reply(Box::new(move |result| ticket.settle(outcome(result))))
}

fn outcome(result: ClientWriteResult<Types>) -> Outcome {
    match result {
        Ok(written) => Outcome::Committed { index: written.log_id.index },
        Err(ClientWriteError::ForwardToLeader(forward)) => {
            Outcome::NotLeader { hint: hint(forward) }
        }
        // The entry stood in this log and another leader's log replaced it.
        Err(_) => Outcome::Unknown,
    }
}

pub(crate) fn hint(forward: ForwardToLeader<Types>) -> Option<Peer> {
    Some(peer(forward.leader_id?, &forward.leader_node?))
}

pub(crate) fn peer(id: u64, member: &Member) -> Peer {
    Peer { id, name: member.name.clone(), address: member.address.clone() }
}

/// Moves proposals from the lanes to the library until all handles are gone. Runs on the consensus
/// thread: one wake-up there serves all that has gathered.
pub(crate) async fn feed(raft: Raft, mut asks: mpsc::Receiver<Ask>) {
    const GATHER: usize = 1024;
    let mut gathered = Vec::with_capacity(GATHER);
    while asks.recv_many(&mut gathered, GATHER).await > 0 {
        for ask in gathered.drain(..) {
            let sent = raft.client_write_ff(Command(ask.bytes), Some(reply(ask.ticket))).await;
            if sent.is_err() {
                // The ticket was dropped and said `Unknown`; what still waits goes the same way.
                return;
            }
        }
    }
}
