//! I6, G9: the same entries give the same ledger, after crashes, loads and replays too; and what an
//! entry causes is what the ledger owes.

use std::collections::{BTreeMap, BTreeSet};

use dkron_core::domain::LogIndex;
use dkron_core::ledger::{Effect, Ledger, Outcome, Row, RowKey, outstanding};

use super::{Check, Commit, require};

#[derive(Debug, Default)]
pub struct Replicas {
    /// By index; not every index is an entry.
    outcomes: BTreeMap<LogIndex, (Outcome, u64)>,
    owed: BTreeSet<Effect>,
}

impl Replicas {
    pub fn committed(&mut self, commit: Commit<'_>) -> Check {
        let index = commit.entry.index;
        let owed = outstanding(commit.ledger);
        let effects: BTreeSet<Effect> = commit.outcome.effects.iter().cloned().collect();
        // A retry or an output may be settled by the same entry: a deleted job owes none.
        let new: BTreeSet<Effect> = owed.difference(&self.owed).cloned().collect();
        require(effects.is_superset(&new), "effects", || {
            format!("entry {index} owes {new:?}, but emits {effects:?}")
        })?;
        let extra: Vec<&Effect> = effects.difference(&owed).collect();
        require(extra.is_empty(), "effects", || {
            format!("entry {index} emits {extra:?}, owed to nobody")
        })?;
        require(commit.ledger.is_consistent(), "I6", || format!("indexes are off after {index}"))?;
        self.owed = owed;
        self.outcomes.insert(index, (commit.outcome.clone(), commit.ledger.state_hash()));
        Ok(())
    }

    /// Another replica applied an entry, perhaps once more.
    pub fn applied(&self, ledger: &Ledger, outcome: &Outcome) -> Check {
        let index = ledger.applied();
        let expected = self.outcomes.get(&index).map(|(outcome, _)| outcome);
        require(Some(outcome) == expected, "I6", || {
            format!("entry {index} gave {outcome:?}, once {expected:?}")
        })
    }

    /// Another replica knows as much as the first one did after the same entry.
    pub fn compare(&self, ledger: &Ledger) -> Check {
        let index = ledger.applied();
        let hash = match index {
            LogIndex(0) => Some(Ledger::default().state_hash()),
            _ => self.outcomes.get(&index).map(|(_, hash)| *hash),
        };
        let same = Some(ledger.state_hash()) == hash;
        require(same, "I6", || format!("replicas differ at {index}"))
    }

    /// A replica was rebuilt from rows.
    pub fn loaded(&self, ledger: &Ledger) -> Check {
        self.compare(ledger)?;
        let index = ledger.applied();
        require(ledger.is_consistent(), "I6", || format!("loaded indexes are off at {index}"))
    }

    /// The rows of the replica that never crashed make its ledger.
    pub fn rows(&self, ledger: &Ledger, rows: &BTreeMap<RowKey, Row>) -> Check {
        match Ledger::load(ledger.applied(), rows.values().cloned()) {
            Ok(loaded) => self.loaded(&loaded),
            Err(error) => require(false, "I6", || error.to_string()),
        }
    }

    pub fn settled(&self) -> Check {
        require(self.owed.is_empty(), "liveness", || format!("still owed: {:?}", self.owed))
    }
}
