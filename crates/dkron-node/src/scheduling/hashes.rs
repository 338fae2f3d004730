//! Hashes of the ledger at the entries that somebody asked for: servers are compared by them.

use std::time::Duration;

use dkron_core::domain::LogIndex;
use dkron_core::ledger::Ledger;

use super::Scheduling;
use super::ask::send;
use crate::service::{Error, Reply, StateHash};

/// LIMIT: questions that wait for their entry.
const WAITING: usize = 16;
/// How long an entry is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Questions that wait for their entry.
#[derive(Default)]
pub(super) struct Hashes {
    waiting: Vec<Asked>,
}

struct Asked {
    at: LogIndex,
    /// By the clock that does not jump.
    until: Duration,
    reply: Reply<StateHash>,
}

impl Hashes {
    /// All entries up to this one are applied, and none after it.
    pub(super) fn reached(&mut self, index: LogIndex, ledger: &Ledger) {
        self.answer(ledger, |asked| (asked.at <= index).then_some(asked.at));
    }

    pub(super) fn expire(&mut self, now: Duration, index: LogIndex, ledger: &Ledger) {
        self.answer(ledger, |asked| (asked.until <= now).then_some(index));
    }

    fn answer(&mut self, ledger: &Ledger, index: impl Fn(&Asked) -> Option<LogIndex>) {
        if self.waiting.is_empty() {
            return;
        }
        let mut hash = None;
        for asked in std::mem::take(&mut self.waiting) {
            match index(&asked) {
                Some(index) => {
                    let hash = *hash.get_or_insert_with(|| ledger.state_hash());
                    send(asked.reply, Ok(StateHash { index, hash }));
                }
                None => self.waiting.push(asked),
            }
        }
    }
}

impl Scheduling {
    pub(super) fn state_hash(&mut self, at: LogIndex, reply: Reply<StateHash>) {
        if at <= self.applied {
            let (index, hash) = (self.applied, self.ledger.state_hash());
            return send(reply, Ok(StateHash { index, hash }));
        }
        if self.hashes.waiting.len() == WAITING {
            return send(reply, Err(Error::Busy));
        }
        let until = self.now.mono + PATIENCE;
        self.hashes.waiting.push(Asked { at, until, reply });
    }
}
