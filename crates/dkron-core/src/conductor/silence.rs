//! Nodes that say nothing: their executions are given up in the end, or held.

use alloc::vec::Vec;
use core::time::Duration;

use super::action::Action;
use super::{Conductor, LOOK};
use crate::domain::{EndReason, NodeName, Now, OnLost, Seq};
use crate::ledger::Ledger;

/// Silence after which a node counts as unreachable. Nothing is given up sooner: the shortest
/// `lost_after` that is admitted is longer.
const UNREACHABLE: Duration = Duration::from_secs(10);

impl Conductor {
    /// What is on nodes that were silent for too long, or are drained. Looked at twice a second.
    pub(super) fn look_at_nodes(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        if now.mono < self.silence_at {
            return;
        }
        self.silence_at = now.mono + LOOK;
        self.lose_silent(ledger, now);
        self.end_drained(ledger, now, out);
        self.recall_late(ledger, now, out);
    }

    /// Executions of nodes that can not be reached.
    fn lose_silent(&mut self, ledger: &Ledger, now: Now) {
        let silent = |node: &&NodeName| self.silence(node, now) >= UNREACHABLE;
        let nodes: Vec<NodeName> = ledger.nodes_with_live().filter(silent).cloned().collect();
        for node in nodes {
            let silence = self.silence(&node, now);
            let live: Vec<Seq> = ledger.live_on(node.as_str()).collect();
            for seq in live {
                self.judge_silent(ledger, now, &node, seq, silence);
            }
        }
    }

    /// How long the node was silent, as far as this leadership knows.
    fn silence(&self, node: &NodeName, now: Now) -> Duration {
        let heard = self.sessions.heard_at(node).unwrap_or(self.took_office_at);
        now.mono.saturating_sub(heard.max(self.took_office_at))
    }

    fn judge_silent(
        &mut self,
        ledger: &Ledger,
        now: Now,
        node: &NodeName,
        seq: Seq,
        silence: Duration,
    ) {
        let Some((live, slot)) = ledger.live(seq) else { return };
        let Some(job) = ledger.definition(live.job_no, live.version) else { return };
        let policy = job.policy();
        if policy.on_lost == OnLost::Hold {
            // Only its node can say that it is over, or a person who says so in its place.
            if slot.cancel.as_ref().is_some_and(|cancel| !cancel.is_replacement()) {
                self.end_cancelled(ledger, now, seq);
            }
            return;
        }
        // What the node was told last counts, if it arrived: its lease is that long.
        let told = self.sessions.lost_after(node);
        let told = told.unwrap_or_else(|| ledger.longest_lease(seq));
        if silence >= policy.lost_after.unwrap_or(told) {
            self.lose(ledger, node, seq, EndReason::Silent, now);
        }
    }
}
