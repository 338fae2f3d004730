//! The way out when a majority of servers is lost for ever: the membership is forced, offline.
//!
//! An entry with the new membership is put behind the last one, in a term that nobody can have
//! used. All entries that are there count as committed with it. The terms keep the order of the
//! logs, so that of several servers that are recovered with one list the one that knows most
//! leads; equal logs get equal entries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use dkron_store::log::Log;

use crate::codec;
use crate::config::{CommittedLeaderId, Entry, LogId, Member, Membership, Payload, Vote};
use crate::transport::Peer;

/// Terms of one life of a cluster are below this. A recovery begins two lives: an odd one for the
/// forced entries, whose terms say how much each server knew, and an even one for the elections
/// that follow.
const LIFE: u64 = 1 << 32;

/// What a recovery kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The last entry that was there.
    pub last_index: u64,
    /// Up to where the rows go; the others are applied at the next start.
    pub applied_index: u64,
    /// How often the cluster was recovered by now: the same on all servers that are recovered
    /// with one list, however often each one is.
    pub generation: u64,
    /// Who belonged to the group before.
    pub before: Vec<Peer>,
}

#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error("there is nothing to recover: this server never belonged to a cluster")]
    Empty,
    #[error("a cluster needs a voter")]
    NoVoter,
    #[error("this server itself must be one of the voters")]
    NotAmong,
    #[error("rows are stored up to entry {applied}, but the log ends with entry {last}")]
    Gap { applied: u64, last: u64 },
    #[error("the log has no entry {index}: it holds {first} to {last}")]
    NoEntry { index: u64, first: u64, last: u64 },
    #[error("entry {index} is applied and stored, entries up to {applied} are: it stays")]
    Applied { index: u64, applied: u64 },
    #[error("entry {index} changes the membership: it can not be left out")]
    Members { index: u64 },
    #[error("failed to read the stored log and state")]
    Read { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("failed to write the log")]
    Write { source: Box<dyn std::error::Error + Send + Sync> },
}

fn read<E: std::error::Error + Send + Sync + 'static>(source: E) -> RecoverError {
    RecoverError::Read { source: Box::new(source) }
}

fn write<E: std::error::Error + Send + Sync + 'static>(source: E) -> RecoverError {
    RecoverError::Write { source: Box::new(source) }
}

/// Those who belong to the group by what this server has stored, voters and learners; `marker` is
/// the one that is stored with the rows. Offline.
pub fn stored_members(log: &Log, marker: Option<&Bytes>) -> Result<Vec<Peer>, RecoverError> {
    Ok(Stored::read(log, marker)?.members)
}

/// Forces the membership to these voters and learners. Offline: nothing else may use the log.
/// Blocks until it is durable.
pub fn recover(
    own: u64,
    log: &Arc<Log>,
    marker: Option<&Bytes>,
    voters: &[Peer],
    learners: &[Peer],
) -> Result<Recovered, RecoverError> {
    if voters.is_empty() {
        return Err(RecoverError::NoVoter);
    }
    if voters.iter().all(|peer| peer.id != own) {
        return Err(RecoverError::NotAmong);
    }
    let mut stored = Stored::read(log, marker)?;
    if let Some(forced) = stored.forced() {
        // The entry of a recovery after which nothing happened: this one replaces it.
        log.truncate_after(forced.index - 1).map_err(write)?;
        stored = Stored::read(log, marker)?;
    }
    let last = stored.last.ok_or(RecoverError::Empty)?;
    let ids: BTreeSet<u64> = voters.iter().map(|peer| peer.id).collect();
    let member =
        |peer: &Peer| (peer.id, Member { name: peer.name.clone(), address: peer.address.clone() });
    let nodes: BTreeMap<u64, Member> = learners.iter().chain(voters).map(member).collect();
    let membership = Membership::new(vec![ids], nodes).map_err(read)?;

    let (life, knowledge) = (last.leader_id.term / LIFE, last.leader_id.term % LIFE);
    let forced = life + 1 + life % 2;
    let term = CommittedLeaderId::from(forced * LIFE + knowledge);
    let log_id = LogId::new(term, last.index + 1);
    let entry = Entry { log_id, payload: Payload::Membership(membership) };
    append(log, last, &entry)?;
    // What was promised to others meanwhile is not taken back.
    let vote = Vote::new((forced + 1) * LIFE, own);
    if stored.vote.is_none_or(|old| old.leader_id.term < vote.leader_id.term) {
        log.save_vote(codec::vote(&vote)).map_err(write)?;
    }
    Ok(Recovered {
        last_index: last.index,
        applied_index: stored.applied.map_or(0, |id| id.index),
        generation: forced.div_ceil(2),
        before: stored.members,
    })
}

/// The command of an entry that is still to be applied; none if it carries none. Offline.
pub fn stored_command(
    log: &Log,
    marker: Option<&Bytes>,
    index: u64,
) -> Result<Option<Bytes>, RecoverError> {
    match unapplied(log, marker, index)?.payload {
        Payload::Blank => Ok(None),
        Payload::Normal(command) => Ok(Some(command.0)),
        Payload::Membership(_) => Err(RecoverError::Members { index }),
    }
}

/// Makes an entry that is still to be applied one that changes nothing, in its place and term. The
/// server that does so is no replica of those that do not. Offline. Blocks until it is durable.
pub fn leave_out(log: &Log, marker: Option<&Bytes>, index: u64) -> Result<(), RecoverError> {
    let entry = unapplied(log, marker, index)?;
    if matches!(entry.payload, Payload::Membership(_)) {
        return Err(RecoverError::Members { index });
    }
    let blank = Entry { log_id: entry.log_id, payload: Payload::Blank };
    log.replace(index, codec::entry(&blank)).map_err(write)
}

fn unapplied(log: &Log, marker: Option<&Bytes>, index: u64) -> Result<Entry, RecoverError> {
    let applied = Stored::read(log, marker)?.applied.map(|id| id.index);
    if let Some(applied) = applied.filter(|applied| index <= *applied) {
        return Err(RecoverError::Applied { index, applied });
    }
    let found = log.read(index..index.saturating_add(1), 0).map_err(read)?.pop();
    let (first, last) = (log.first_index().unwrap_or(0), log.last_index().unwrap_or(0));
    let (_, bytes) = found.ok_or(RecoverError::NoEntry { index, first, last })?;
    codec::read_entry(bytes).map_err(read)
}

/// The log goes on behind what the rows hold, also if it ends before that.
fn append(log: &Log, last: LogId, entry: &Entry) -> Result<(), RecoverError> {
    if log.last_index().is_none_or(|index| index < last.index) {
        log.purge_upto(last.index, codec::log_id(last)).map_err(write)?;
    }
    // Not a channel of the runtime: at a start this is called on one of its threads.
    let (done, answer) = mpsc::sync_channel(1);
    let written = Box::new(move |result| {
        // The asker waits below.
        let _ = done.send(result);
    });
    log.append(vec![(entry.log_id.index, codec::entry(entry))], written).map_err(write)?;
    let answered = answer.recv().map_err(write)?;
    answered.map_err(write)
}

struct Stored {
    last: Option<LogId>,
    applied: Option<LogId>,
    vote: Option<Vote>,
    members: Vec<Peer>,
}

impl Stored {
    /// The last entry, if a recovery put it there and it was not applied since.
    fn forced(&self) -> Option<LogId> {
        let is_forced = |last: &LogId| last.leader_id.term / LIFE % 2 == 1;
        self.last.filter(is_forced).filter(|last| self.applied < Some(*last))
    }

    fn read(log: &Log, marker: Option<&Bytes>) -> Result<Stored, RecoverError> {
        let marker = marker.map(|bytes| codec::read_marker(bytes)).transpose().map_err(read)?;
        let marker = marker.unwrap_or_default();
        let purged = log.read_purged().map(|(_, id)| codec::read_log_id(&id)).transpose();
        let purged = purged.map_err(read)?;
        let stored = log.last().map_err(read)?;
        let end = stored.map(|(_, bytes)| codec::read_entry(bytes)).transpose().map_err(read)?;
        let end = end.map(|entry| entry.log_id);
        // The rows must reach the beginning of the log, or something between them is missing.
        let (applied, gone) = (marker.applied, purged.map_or(0, |id| id.index));
        if purged > applied {
            let applied = applied.map_or(0, |id| id.index);
            return Err(RecoverError::Gap { applied, last: gone });
        }
        let mut members = marker.membership.membership().clone();
        let from = applied.map_or(0, |id| id.index + 1);
        if let Some(newer) = newest_membership(log, from)? {
            members = newer;
        }
        let peer = |(id, member): (&u64, &Member)| crate::proposal::peer(*id, member);
        let members = members.nodes().map(peer).collect();
        let vote = log.read_vote().map(|bytes| codec::read_vote(&bytes)).transpose();
        let vote = vote.map_err(read)?;
        Ok(Stored { last: end.max(purged).max(applied), applied, vote, members })
    }
}

/// Bytes read at a time.
const STEP: usize = 4 << 20;

fn newest_membership(log: &Log, from: u64) -> Result<Option<Membership>, RecoverError> {
    let mut newest = None;
    let mut next = log.first_index().unwrap_or(u64::MAX).max(from);
    while log.last_index().is_some_and(|last| next <= last) {
        for (index, bytes) in log.read(next..u64::MAX, STEP).map_err(read)? {
            next = index + 1;
            if let Payload::Membership(found) = codec::read_entry(bytes).map_err(read)?.payload {
                newest = Some(found);
            }
        }
    }
    Ok(newest)
}
