//! Runs that are to end. What was never sent ends here; what was is told to its node.

use alloc::vec::Vec;

use super::Conductor;
use super::action::Action;
use crate::domain::{Cancellation, EndReason, Finish, Now, Seq, State};
use crate::ledger::{End, Ledger, Phase};
use crate::worker::Order;

impl Conductor {
    /// Carries out a cancellation as far as that is possible now. Without a session it waits in
    /// the ledger until the node says what it knows, or is silent for too long.
    pub(super) fn cancel_run(
        &mut self,
        ledger: &Ledger,
        now: Now,
        seq: Seq,
        out: &mut Vec<Action>,
    ) {
        let Some((_, slot)) = ledger.live(seq) else { return };
        let Some(cancel) = slot.cancel.clone() else { return };
        if self.ending.contains(&seq) {
            return;
        }
        let own = Some(slot.tenure) == self.tenure && !self.sessions.sent.contains(&seq);
        if own && slot.phase == Phase::Pending {
            return self.end_cancelled(ledger, now, seq);
        }
        let node = &slot.target.node;
        if self.sessions.get(node).is_some_and(|session| session.open) {
            let order = Order::Cancel { seq, reason: reason(&cancel) };
            self.sessions.send(self.tenure.unwrap_or_default(), node, order, out);
        }
    }

    /// Ends a cancelled execution without a word of its node: that never had it, or is silent
    /// while somebody vouches for it.
    pub(super) fn end_cancelled(&mut self, ledger: &Ledger, now: Now, seq: Seq) {
        let Some((_, slot)) = ledger.live(seq) else { return };
        let Some(cancel) = &slot.cancel else { return };
        let started_at = match slot.phase {
            Phase::Running { started_at } => Some(started_at),
            _ => None,
        };
        let (state, reason, finished_at) = (State::Cancelled, reason(cancel), now.wall);
        let finish = Finish { state, reason, started_at, finished_at, ..Finish::default() };
        self.end(End { seq, finish, retry_at: now.wall }, slot.target.node.clone());
    }
}

fn reason(cancel: &Cancellation) -> EndReason {
    match cancel.is_replacement() {
        true => EndReason::Replaced,
        false => EndReason::Cancelled,
    }
}
