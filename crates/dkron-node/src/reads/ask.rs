//! One question to the leader for all reads that wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::LogIndex;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::{PATIENCE, Question, READS, Seen};
use crate::cluster::Leader;
use crate::rpc::{Lane, Method, Wire};

/// Between two tries, unless another leader is known earlier.
const PAUSE: Duration = Duration::from_millis(50);

/// What the task is started with.
pub struct Asking {
    pub questions: mpsc::Receiver<Question>,
    pub seen: Seen,
    pub leader: watch::Receiver<Leader>,
    /// None: there is nobody to ask.
    pub wire: Option<Arc<dyn Wire>>,
}

/// Asks until nobody can wait any more. Reads that come while a question is under way wait for the
/// next one: an answer must not be older than the read.
pub async fn run(mut asking: Asking) {
    let mut waiting = Vec::new();
    while asking.questions.recv_many(&mut waiting, READS).await > 0 {
        while !waiting.is_empty() {
            match asking.ask().await {
                Some(index) => {
                    for question in waiting.drain(..) {
                        // Whose patience is over needs no answer.
                        let _ = question.send(index);
                    }
                }
                None => asking.pause().await,
            }
            waiting.retain(|question| !question.is_closed());
            let room = READS - waiting.len();
            if !waiting.is_empty() {
                let new = std::iter::from_fn(|| asking.questions.try_recv().ok());
                waiting.extend(new.take(room));
            }
        }
    }
}

impl Asking {
    /// The index as of now; none if nobody can tell it.
    async fn ask(&mut self) -> Option<LogIndex> {
        if let Some(index) = self.seen.own_index() {
            return Some(index);
        }
        let leader = self.leader.borrow_and_update().clone();
        let (Leader::Other { target, .. }, Some(wire)) = (leader, &self.wire) else { return None };
        let question = Method::ReadIndex;
        let answer = wire.call(&target, Lane::Control, question, Bytes::new(), PATIENCE / 2);
        tokio::select! {
            answer = answer => dkron_wire::decode_read_index(&answer.ok()?),
            // What is asked now may never be answered.
            Ok(()) = self.leader.changed() => None,
        }
    }

    async fn pause(&mut self) {
        tokio::select! {
            () = sleep(PAUSE) => {}
            Ok(()) = self.leader.changed() => {}
            Ok(()) = self.seen.told.office.changed() => {}
        }
    }
}
