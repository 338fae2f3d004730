//! Requests that clients gave a name, and what they were answered: the same again is answered the
//! same without a second effect.

use alloc::vec::Vec;

use super::state::Ledger;
use crate::domain::{
    ExecutionId, Group, JobNo, LogIndex, PauseNo, RequestKey, Timestamp, Version, limits,
};

/// A request that was carried out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Keyed {
    pub key: RequestKey,
    /// When, by the clock of who proposed it.
    pub at: Timestamp,
    pub answer: Answered,
}

/// What an answer is made of again. Lists are cut to `limits::KEYED_EXECUTIONS`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Answered {
    Done,
    /// The job in this version.
    Job {
        job_no: JobNo,
        version: Version,
    },
    Ran {
        job_no: JobNo,
        version: Version,
        group: Group,
        executions: Vec<ExecutionId>,
    },
    Queued {
        job_no: JobNo,
        version: Version,
    },
    Cancelling {
        executions: Vec<ExecutionId>,
        retries: u32,
        queued: u32,
    },
    SchedulingPaused(PauseNo),
    Resumed(u32),
}

/// The first answer to a request that came again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Again {
    /// The entry that carried the first.
    pub index: LogIndex,
    pub answer: Answered,
}

/// What is known of a request's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    New,
    Again(Again),
    /// Something else was asked for under that name.
    Other,
}

impl Ledger {
    /// What is known of a key at that instant.
    pub fn key(&self, key: &RequestKey, at: Timestamp) -> Known {
        let index = self.derived.keys.get(&key.name);
        let found = index.and_then(|index| Some((*index, self.keyed.get(index)?)));
        match found.filter(|(_, keyed)| at.since(keyed.at) < limits::KEYED_FOR) {
            None => Known::New,
            Some((_, keyed)) if keyed.key.content != key.content => Known::Other,
            Some((index, keyed)) => Known::Again(Again { index, answer: keyed.answer.clone() }),
        }
    }
}
