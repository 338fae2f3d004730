//! G8: a child is decided once for each group of its parent that succeeded, never otherwise.

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::{Group, JobNo, Seq, State};
use dkron_core::ledger::{Command, Fired, Reply, Row, RowOp, Trigger};

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Chains {
    /// The current attempt of each target of a live group, and how it ended.
    groups: BTreeMap<Group, BTreeMap<Seq, Option<State>>>,
    owed: BTreeSet<(Group, JobNo)>,
}

impl Chains {
    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        if let (Command::Fire(fires), Reply::Fired(fired)) =
            (commit.entry.command.inner(), &commit.outcome.reply)
        {
            for (fire, fired) in fires.iter().zip(fired) {
                let leaves = |no| commit.ledger.job_no(no).is_none_or(|job| job.runtime.leaving);
                if let (Trigger::Child(parent), true) = (&fire.trigger, leaves(fire.job_no)) {
                    self.owed.remove(&(*parent, fire.job_no));
                }
                if let (Trigger::Child(parent), true) = (&fire.trigger, *fired != Fired::Void) {
                    let owed = self.owed.remove(&(*parent, fire.job_no));
                    require(owed, "G8", || {
                        format!("child {} of {parent} decided, not owed", fire.job_no)
                    })?;
                }
                if let Fired::Run { group, seqs } = fired {
                    let slots = self.groups.entry(*group).or_default();
                    if let Trigger::Retry { failed, .. } = &fire.trigger {
                        slots.remove(failed);
                    }
                    slots.extend(seqs.iter().map(|seq| (*seq, None)));
                }
            }
        }
        for op in &commit.outcome.rows {
            let RowOp::PutNew(Row::History { record, .. }) = op else { continue };
            let Some(slots) = self.groups.get_mut(&record.group) else { continue };
            slots.insert(record.seq, Some(record.finish.state));
            if slots.values().all(|state| *state == Some(State::Success)) {
                let parent = record.job_name.as_str();
                let name = |job: &&dkron_core::ledger::JobState| {
                    let gone = job.runtime.deleted;
                    !gone && job.job.parent_job.as_ref().is_some_and(|own| own.as_str() == parent)
                };
                let children = commit.ledger.jobs().filter(name).map(|job| job.job_no);
                self.owed.extend(children.map(|child| (record.group, child)));
            }
        }
        let gone = |no: &JobNo| commit.ledger.job_no(*no).is_none_or(|job| job.runtime.deleted);
        self.owed.retain(|(_, child)| !gone(child));
        self.groups.retain(|group, _| commit.ledger.group(*group).is_some());
        Ok(())
    }

    pub fn settled(&self) -> Check {
        require(self.owed.is_empty(), "G8", || format!("children not started: {:?}", self.owed))
    }
}
