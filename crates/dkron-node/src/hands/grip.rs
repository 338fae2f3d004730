//! What a node holds of its hands to let go of them: runs are waited for, handed over or ended.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::Parting;

/// A thread that waits for room on the disk for so long is not waited for.
const PARTING: Duration = Duration::from_secs(5);

/// What becomes of the runs that could go on without their agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// They go on: another agent takes them over.
    HandOver,
    /// They are waited for, and end with the runner.
    Wait,
    /// All runs are ended.
    Leave,
}

/// A leader is waited for so long, to be told of the node's end.
const GOODBYE: Duration = Duration::from_secs(1);

/// The node's end.
pub struct Grip {
    parting: mpsc::UnboundedSender<Parting>,
    left: watch::Receiver<Option<Left>>,
}

/// The hands' end.
pub struct Gripped {
    pub(super) parting: mpsc::UnboundedReceiver<Parting>,
    pub(super) left: watch::Sender<Option<Left>>,
}

/// What a node that ends still answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Executions whose end is not in the log.
    pub owing: usize,
    /// Those of them that outlive the agent.
    pub surviving: usize,
    /// The leader gives it no more runs.
    pub told: bool,
}

impl Grip {
    pub fn new() -> (Grip, Gripped) {
        let (parting, parted) = mpsc::unbounded_channel();
        let (left, seen) = watch::channel(None);
        (Grip { parting, left: seen }, Gripped { parting: parted, left })
    }

    /// Lets go of all runs: what becomes of them is told by the agent that takes them over. Before
    /// this, parting from the runner looks like its death.
    pub async fn hand_over(&self) {
        let (done, seen) = oneshot::channel();
        // A thread that is gone writes nothing either.
        let _ = self.parting.send(Parting::HandOver(done));
        let _ = tokio::time::timeout(PARTING, seen).await;
    }

    /// Lets the leader know, so that it looks for other nodes; then waits for what must not go on
    /// without the agent, at most for `patience`; false if that was not enough.
    pub async fn part(&mut self, farewell: Farewell, patience: Duration) -> bool {
        let leave = farewell == Farewell::Leave;
        // A thread that is gone needs no word.
        let _ = self.parting.send(if leave { Parting::Leave } else { Parting::Wait });
        let told = self.left.wait_for(|left| left.is_some_and(|left| left.told));
        // Nobody may lead now.
        let _ = tokio::time::timeout(GOODBYE, told).await;
        let stays = |left: &Left| if farewell == Farewell::HandOver { left.surviving } else { 0 };
        let over = |left: &Option<Left>| left.is_some_and(|left| left.owing <= stays(&left));
        let idle = async {
            if self.left.wait_for(over).await.is_err() {
                // An end of the thread is an end too, and then only patience helps.
                std::future::pending::<()>().await;
            }
        };
        tokio::time::timeout(patience, idle).await.is_ok()
    }
}
