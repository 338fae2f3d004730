//! The bytes of log entries, votes, log ids and markers, on disk and in messages.
//!
//! A version byte, then postcard. These shapes are ours, not the library's, so that a log opens
//! for ever whatever the library does to its own types. A changed shape is a new version beside
//! the old one; enums grow at the end only. The golden test holds the bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::config::{
    Command, CommittedLeaderId, Entry, LogId, Member, Membership, Payload, StoredMembership, Vote,
};

const VERSION: u8 = 1;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("failed to decode {what}")]
    Malformed { what: &'static str, source: postcard::Error },
    #[error("{what} has format {found}, this version knows up to {VERSION}; start a newer version")]
    Version { what: &'static str, found: u8 },
    #[error("{what} is empty")]
    Empty { what: &'static str },
    #[error("{what} contradicts itself: {reason}")]
    Invalid { what: &'static str, reason: String },
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogIdV1 {
    pub term: u64,
    pub index: u64,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VoteV1 {
    pub term: u64,
    pub node: u64,
    pub committed: bool,
}

#[derive(Serialize, Deserialize)]
struct EntryV1<'a> {
    id: LogIdV1,
    #[serde(borrow)]
    payload: PayloadV1<'a>,
}

#[derive(Serialize, Deserialize)]
enum PayloadV1<'a> {
    Blank,
    Normal(#[serde(borrow)] Body<'a>),
    Membership(MembershipV1),
}

/// Written in one piece; serde would write a plain slice byte by byte. Read by reference.
struct Body<'a>(&'a [u8]);

impl Serialize for Body<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a [u8]>::deserialize(deserializer).map(Body)
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct MembershipV1 {
    /// Two configurations while a change is under way, else one.
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, MemberV1>,
}

#[derive(Serialize, Deserialize)]
struct MemberV1 {
    name: String,
    address: String,
}

#[derive(Serialize, Deserialize)]
struct MarkerV1 {
    applied: Option<LogIdV1>,
    membership_at: Option<LogIdV1>,
    membership: MembershipV1,
}

/// How far the state machine is, as stored with the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marker {
    pub applied: Option<LogId>,
    pub membership: StoredMembership,
}

pub(crate) fn entry(entry: &Entry) -> Vec<u8> {
    let payload = match &entry.payload {
        Payload::Blank => PayloadV1::Blank,
        Payload::Normal(command) => PayloadV1::Normal(Body(&command.0)),
        Payload::Membership(membership) => PayloadV1::Membership(membership.into()),
    };
    let room = match &payload {
        PayloadV1::Normal(body) => body.0.len() + 32,
        _ => 256,
    };
    write_sized(&EntryV1 { id: entry.log_id.into(), payload }, room)
}

/// The content of the entry shares the given memory.
pub(crate) fn read_entry(bytes: Vec<u8>) -> Result<Entry, CodecError> {
    let bytes = Bytes::from(bytes);
    let stored: EntryV1<'_> = read("log entry", &bytes)?;
    let payload = match stored.payload {
        PayloadV1::Blank => Payload::Blank,
        PayloadV1::Normal(body) => Payload::Normal(Command(bytes.slice_ref(body.0))),
        PayloadV1::Membership(membership) => Payload::Membership(membership.try_into()?),
    };
    Ok(Entry { log_id: stored.id.into(), payload })
}

pub(crate) fn vote(vote: &Vote) -> Vec<u8> {
    write(&VoteV1::from(*vote))
}

pub(crate) fn read_vote(bytes: &[u8]) -> Result<Vote, CodecError> {
    read::<VoteV1>("vote", bytes).map(Vote::from)
}

pub(crate) fn log_id(id: LogId) -> Vec<u8> {
    write(&LogIdV1::from(id))
}

pub(crate) fn read_log_id(bytes: &[u8]) -> Result<LogId, CodecError> {
    read::<LogIdV1>("log id", bytes).map(LogId::from)
}

pub(crate) fn marker(marker: &Marker) -> Bytes {
    Bytes::from(write(&MarkerV1 {
        applied: marker.applied.map(LogIdV1::from),
        membership_at: marker.membership.log_id().map(LogIdV1::from),
        membership: marker.membership.membership().into(),
    }))
}

pub(crate) fn read_marker(bytes: &[u8]) -> Result<Marker, CodecError> {
    let stored: MarkerV1 = read("marker of the applied state", bytes)?;
    let membership = stored.membership.try_into()?;
    Ok(Marker {
        applied: stored.applied.map(LogId::from),
        membership: StoredMembership::new(stored.membership_at.map(LogId::from), membership),
    })
}

pub(crate) fn write<T: Serialize>(value: &T) -> Vec<u8> {
    write_sized(value, 64)
}

fn write_sized<T: Serialize>(value: &T, room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(room);
    bytes.push(VERSION);
    postcard::to_extend(value, bytes).expect("memory takes all bytes and these shapes have a size")
}

pub(crate) fn read<'a, T: Deserialize<'a>>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => {
            postcard::from_bytes(body).map_err(|source| CodecError::Malformed { what, source })
        }
        Some((&found, _)) => Err(CodecError::Version { what, found }),
        None => Err(CodecError::Empty { what }),
    }
}

impl From<LogId> for LogIdV1 {
    fn from(id: LogId) -> Self {
        Self { term: id.leader_id.term, index: id.index }
    }
}

impl From<LogIdV1> for LogId {
    fn from(id: LogIdV1) -> Self {
        LogId::new(CommittedLeaderId::from(id.term), id.index)
    }
}

impl From<Vote> for VoteV1 {
    fn from(vote: Vote) -> Self {
        let leader = vote.leader_id;
        Self { term: leader.term, node: leader.voted_for, committed: vote.committed }
    }
}

impl From<VoteV1> for Vote {
    fn from(vote: VoteV1) -> Self {
        let mut read = Vote::new(vote.term, vote.node);
        read.committed = vote.committed;
        read
    }
}

impl From<&Membership> for MembershipV1 {
    fn from(membership: &Membership) -> Self {
        let member = |member: &Member| MemberV1 {
            name: member.name.clone(),
            address: member.address.clone(),
        };
        Self {
            configs: membership.get_joint_config().clone(),
            nodes: membership.nodes().map(|(id, node)| (*id, member(node))).collect(),
        }
    }
}

impl TryFrom<MembershipV1> for Membership {
    type Error = CodecError;

    fn try_from(stored: MembershipV1) -> Result<Self, CodecError> {
        // The library refuses an empty membership, yet starts with one.
        if stored.configs.is_empty() && stored.nodes.is_empty() {
            return Ok(Membership::default());
        }
        let member = |member: MemberV1| Member { name: member.name, address: member.address };
        let nodes: BTreeMap<u64, Member> =
            stored.nodes.into_iter().map(|(id, node)| (id, member(node))).collect();
        Membership::new(stored.configs, nodes)
            .map_err(|err| CodecError::Invalid { what: "membership", reason: err.to_string() })
    }
}

#[cfg(test)]
mod tests;
