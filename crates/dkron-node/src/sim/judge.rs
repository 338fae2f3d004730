//! The oracle of the first rung over the entries that real consensus commits: every server brings
//! the same ones, and the first to bring one has it judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chronicle::{Place, Stamped};
use bytes::Bytes;
use dkron_core::domain::LogIndex;
use dkron_core::ledger::Ledger;
use dkron_raft::AppliedEntry;
use dkron_sim::{Check, Oracle, Sabotage, Violation};

#[derive(Default)]
pub struct Judge {
    pub oracle: Oracle,
    /// What was committed, and the hash of the state behind it.
    entries: BTreeMap<u64, (Bytes, u64)>,
    /// What some server told of its entries.
    events: BTreeMap<Place, Arc<Stamped>>,
}

pub fn require(holds: bool, rule: &'static str, text: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Violation { rule, text: text() }) }
}

impl Judge {
    /// Whether it is new.
    pub fn committed(&mut self, entry: &AppliedEntry) -> Result<bool, Violation> {
        let index = entry.index;
        if let Some((known, _)) = self.entries.get(&index) {
            require(*known == entry.bytes, "log", || format!("entry {index} is committed twice"))?;
            return Ok(false);
        }
        let last = self.entries.last_key_value().map_or(0, |(last, _)| *last);
        require(index > last, "log", || format!("entry {index} comes after {last}"))?;
        let decoded = dkron_wire::decode_entry(LogIndex(index), &entry.bytes);
        let decoded = decoded.map_err(|err| Violation { rule: "log", text: err.to_string() })?;
        let result = self.oracle.committed(&decoded, Sabotage::Nothing);
        let hash = self.oracle.ledger.state_hash();
        self.entries.insert(index, (entry.bytes.clone(), hash));
        result.map(|()| true)
    }

    /// A server tells what happened: as any other told it.
    pub fn happened(&mut self, event: &Arc<Stamped>) -> Check {
        let known = self.events.entry(event.place).or_insert_with(|| Arc::clone(event));
        require(known == event, "events", || {
            format!("two servers tell differently of {}: {known:?}, {event:?}", event.place)
        })
    }

    /// A server was started from its rows.
    pub fn loaded(&self, ledger: &Ledger) -> Check {
        self.same(ledger.applied().0, ledger.state_hash())?;
        require(ledger.is_consistent(), "I6", || "loaded indexes are off".into())
    }

    /// A server's state as of that index.
    pub fn same(&self, index: u64, hash: u64) -> Check {
        let known = self.entries.range(..=index).next_back().map(|(_, (_, hash))| *hash);
        let expected = known.unwrap_or_else(|| Ledger::default().state_hash());
        require(hash == expected, "I6", || format!("replicas differ at {index}"))
    }

    pub fn count(&self) -> u64 {
        self.entries.len() as u64
    }
}
