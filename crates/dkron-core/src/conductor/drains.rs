//! Nodes that are to be empty: what may be asked for, and the end of what still runs there when
//! its time is over.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::action::Action;
use super::proposals::Proposal;
use super::{Conductor, settings, versions};
use crate::domain::{Cancellation, Drain, Now, Seq, limits};
use crate::ledger::{Cancel, Command, Ledger, SetEligibility};

/// Cancellations on their way at a time.
const CANCELS: usize = 1024;

/// Checks what somebody wants of a node; the text names the field and what would be right.
pub(super) fn check(ledger: &Ledger, wanted: &SetEligibility) -> Result<(), String> {
    let (node, by) = (wanted.node.as_str(), &wanted.by);
    if node.is_empty() {
        return Err("node: no name".into());
    }
    if node.len() > limits::NODE_NAME_BYTES {
        let (len, most) = (node.len(), limits::NODE_NAME_BYTES);
        return Err(format!("node: a name of {len} bytes is too long, at most {most}"));
    }
    if by == Cancellation::SCHEDULER {
        return Err(settings::reserved(by));
    }
    let (version, least) = (ledger.version(), versions::DRAINS);
    if version < least {
        return Err(format!(
            "the cluster is at version {version}, nodes can be drained from {least} on: upgrade \
             all servers and nodes first"
        ));
    }
    Ok(())
}

impl Conductor {
    /// Cancels what runs on drained nodes beyond their deadline, in the name of who drained them.
    pub(super) fn end_drained(&mut self, ledger: &Ledger, now: Now, out: &mut Vec<Action>) {
        let over = |drain: &&Drain| drain.deadline.is_some_and(|at| at <= now.wall);
        for drain in ledger.drains().filter(over) {
            let live: Vec<Seq> = ledger.live_on(drain.node.as_str()).collect();
            for seq in live {
                if self.cancelling.len() >= CANCELS {
                    return;
                }
                self.end_on_drained(ledger, now, drain, seq, out);
            }
        }
    }

    fn end_on_drained(
        &mut self,
        ledger: &Ledger,
        now: Now,
        drain: &Drain,
        seq: Seq,
        out: &mut Vec<Action>,
    ) {
        let Some((live, slot)) = ledger.live(seq) else { return };
        let Some(job) = ledger.definition(live.job_no, live.version) else { return };
        let known = slot.cancel.is_some() || self.ending.contains(&seq);
        if known || !self.cancelling.insert(seq) {
            return;
        }
        let (name, execution, by) = (job.name.clone(), Some(seq), drain.by.clone());
        let cancel = Cancel { name, execution, by, reason: reason(drain) };
        self.propose(Proposal::Drained { seq }, Command::Cancel(cancel), now, out);
    }
}

fn reason(drain: &Drain) -> String {
    let why = if drain.reason.is_empty() { "" } else { ": " };
    let head = format!("node {} is drained", drain.node);
    head + why + &drain.reason.to_string()
}
