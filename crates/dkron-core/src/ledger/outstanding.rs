//! Everything that the leader owes the world, derived from state: becoming leader is the normal
//! path, not a special one.

use alloc::collections::BTreeSet;

use super::outcome::Effect;
use super::state::{Ledger, Phase};

/// All pending effects. Those that `apply` returned are a subset of these, or settled since.
pub fn outstanding(ledger: &Ledger) -> BTreeSet<Effect> {
    let mut owed = BTreeSet::new();
    for group in ledger.groups.values() {
        for slot in &group.slots {
            match slot.phase {
                // What is to end need not begin; its node is told the one or the other.
                phase if phase.is_live() && slot.cancel.is_some() => {
                    owed.insert(Effect::Cancel(slot.seq));
                }
                Phase::Pending => drop(owed.insert(Effect::Start(slot.seq))),
                Phase::Waiting { retry_at } => {
                    let (at, group, failed) = (retry_at, group.group, slot.seq);
                    owed.insert(Effect::Retry { at, group, failed });
                }
                Phase::Running { .. } | Phase::Done { .. } => {}
            }
        }
    }
    let children = ledger.owed.keys().map(|(parent, child)| (*parent, *child));
    owed.extend(children.map(|(parent, child)| Effect::Child { parent, child }));
    owed.extend(ledger.processing.keys().copied().map(Effect::Process));
    let ranges = ledger.expiring.iter().map(|((job_no, first), end)| (*job_no, *first, *end));
    owed.extend(ranges.map(|(job_no, first, end)| Effect::Expire { job_no, first, end }));
    owed.extend(ledger.derived.ready.iter().copied().map(Effect::Dequeue));
    owed
}
