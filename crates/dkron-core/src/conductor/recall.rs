//! Runs that were committed and did not begin in time: they shall not begin any more.

use alloc::vec::Vec;
use core::time::Duration;

use super::Conductor;
use super::action::Action;
use super::lateness::start_deadline;
use super::reports::retry_at;
use crate::domain::{EndReason, Finish, Now, Seq, State};
use crate::ledger::{End, Ledger, LiveGroup, Phase, Slot};
use crate::worker::Order;

/// Nothing is recalled sooner, whatever its job says: a start takes its time.
const LEAST: Duration = Duration::from_secs(10);

impl Conductor {
    /// Looks for runs that their nodes have not begun, the oldest first.
    pub(super) fn recall_late(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        self.recalled.retain(|seq, _| ledger.live(*seq).is_some());
        // Numbers follow the clock: behind one that is young all are.
        let young = now.wall.before(LEAST);
        let fired_at = |seq: &Seq| ledger.live(*seq).map(|(_, slot)| slot.fired_at);
        let old = ledger.pending().take_while(|seq| fired_at(seq).is_some_and(|at| at < young));
        let old: Vec<Seq> = old.collect();
        for seq in old {
            let Some((live, slot)) = ledger.live(seq) else { continue };
            if slot.cancel.is_none() && is_too_late(ledger, live, slot, now) {
                self.recall(ledger, now, seq, out);
            }
        }
    }

    /// One that was never sent has not begun; any other its node is asked about, and one that it
    /// has begun goes on. A silent node is waited for as ever.
    pub(super) fn recall(&mut self, ledger: &Ledger, now: Now, seq: Seq, out: &mut Vec<Action>) {
        let Some((live, slot)) = ledger.live(seq) else { return };
        if self.ending.contains(&seq) {
            return;
        }
        let node = &slot.target.node;
        if Some(slot.tenure) == self.tenure && !self.sessions.sent.contains(&seq) {
            let (state, reason, finished_at) = (State::Failed, EndReason::NotStarted, now.wall);
            let finish = Finish { state, reason, finished_at, ..Finish::default() };
            let retry_at = retry_at(ledger, live, slot, now);
            return self.end(End { seq, finish, retry_at }, node.clone());
        }
        let Some(session) = self.sessions.get(node).filter(|session| session.open) else { return };
        let no = session.no();
        if self.recalled.insert(seq, no) != Some(no) {
            self.sessions.sent.insert(seq);
            let order = Order::Cancel { seq, reason: EndReason::NotStarted };
            self.sessions.send(self.tenure.unwrap_or_default(), node, order, out);
        }
    }
}

/// Whether a run that has not begun may not begin any more.
pub(super) fn is_too_late(ledger: &Ledger, live: &LiveGroup, slot: &Slot, now: Now) -> bool {
    let Some(job) = ledger.definition(live.job_no, live.version) else { return false };
    let deadline = start_deadline(job, ledger.settings()).max(LEAST);
    slot.phase == Phase::Pending && now.wall.since(slot.fired_at) > deadline
}
