//! Runs that somebody wants to end.

use alloc::vec::Vec;

use super::Conductor;
use super::action::Action;
use crate::domain::{EndReason, Now, Seq};
use crate::ledger::Ledger;
use crate::worker::Order;

impl Conductor {
    /// Tells the execution's node, if that has a session.
    pub(super) fn cancel_run(&mut self, ledger: &Ledger, _: Now, seq: Seq, out: &mut Vec<Action>) {
        let Some((_, slot)) = ledger.live(seq) else { return };
        let (tenure, node) = (self.tenure.unwrap_or_default(), slot.target.node.clone());
        let order = Order::Cancel { seq, reason: EndReason::Cancelled };
        self.sessions.send(tenure, &node, order, out);
    }
}
