//! Going, with a word to the others.

use std::time::Duration;

use rand::seq::IteratorRandom;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Engine;
use super::chores::rand_now;
use crate::identity::Identity;
use crate::member::Status;
use crate::message::{Message, Seen};
use crate::stream::ask;

/// Longest time until the others have heard it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many are told so that they confirm it; the others hear it from them.
const TOLD: usize = 5;

impl Engine {
    /// Tells the others, and waits at most [`PATIENCE`] for some to confirm it.
    pub(super) async fn leave(&mut self) {
        self.own_status = Status::Leaving;
        self.change_identity(Identity { leaving: true, ..self.table.own.next() });
        let left = self.library.leave_cluster(&mut self.runtime);
        self.note("leaving", left);
        self.settle();
        let gone = Seen { down_for: Some(0), ..self.table.own_seen() };
        let mut told = JoinSet::new();
        for identity in self.table.alive().sample(&mut rand_now(), TOLD) {
            let (to, sealer) = (identity.address, self.sealer.clone());
            let farewell = Message::Known(vec![gone.clone()]);
            told.spawn(async move { ask(to, &sealer, &farewell).await.is_ok() });
        }
        let all = async { while told.join_next().await.is_some() {} };
        if timeout(PATIENCE, all).await.is_err() {
            tracing::debug!("not all members confirmed that this node leaves");
        }
        self.own_status = Status::Left;
        self.publish();
    }
}
