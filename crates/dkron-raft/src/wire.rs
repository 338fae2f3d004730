//! Messages between servers, in the encoding of the log: version byte, then postcard.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError, LogIdV1, VoteV1};
use crate::config::{LogId, Types, Vote};

#[derive(Serialize, Deserialize)]
struct AppendV1 {
    vote: VoteV1,
    previous: Option<LogIdV1>,
    commit: Option<LogIdV1>,
    /// Each one as it stands in the log.
    entries: Vec<Bytes>,
}

#[derive(Serialize, Deserialize)]
enum AppendedV1 {
    Success,
    Partial(Option<LogIdV1>),
    Conflict,
    HigherVote(VoteV1),
}

#[derive(Serialize, Deserialize)]
struct VoteAskV1 {
    vote: VoteV1,
    last: Option<LogIdV1>,
    transfer: bool,
}

#[derive(Serialize, Deserialize)]
struct VotedV1 {
    vote: VoteV1,
    granted: bool,
    last: Option<LogIdV1>,
}

#[derive(Serialize, Deserialize)]
struct TransferV1 {
    from: VoteV1,
    to: u64,
    last: Option<LogIdV1>,
}

#[derive(Serialize, Deserialize)]
struct SnapshotV1 {
    vote: VoteV1,
    marker: Bytes,
}

fn stored(id: Option<LogId>) -> Option<LogIdV1> {
    id.map(LogIdV1::from)
}

fn loaded(id: Option<LogIdV1>) -> Option<LogId> {
    id.map(LogId::from)
}

fn sealed<T: Serialize>(value: &T) -> Bytes {
    Bytes::from(codec::write(value))
}

pub(crate) fn append(request: &AppendEntriesRequest<Types>) -> Bytes {
    sealed(&AppendV1 {
        vote: request.vote.into(),
        previous: stored(request.prev_log_id),
        commit: stored(request.leader_commit),
        entries: request.entries.iter().map(|entry| Bytes::from(codec::entry(entry))).collect(),
    })
}

pub(crate) fn read_append(bytes: &[u8]) -> Result<AppendEntriesRequest<Types>, CodecError> {
    let read: AppendV1 = codec::read("append message", bytes)?;
    let entries = read.entries.into_iter().map(|entry| codec::read_entry(entry.into()));
    Ok(AppendEntriesRequest {
        vote: read.vote.into(),
        prev_log_id: loaded(read.previous),
        entries: entries.collect::<Result<_, _>>()?,
        leader_commit: loaded(read.commit),
    })
}

pub(crate) fn appended(response: &AppendEntriesResponse<Types>) -> Bytes {
    sealed(&match response {
        AppendEntriesResponse::Success => AppendedV1::Success,
        AppendEntriesResponse::PartialSuccess(upto) => AppendedV1::Partial(stored(*upto)),
        AppendEntriesResponse::Conflict => AppendedV1::Conflict,
        AppendEntriesResponse::HigherVote(vote) => AppendedV1::HigherVote((*vote).into()),
    })
}

pub(crate) fn read_appended(bytes: &[u8]) -> Result<AppendEntriesResponse<Types>, CodecError> {
    Ok(match codec::read("answer to an append", bytes)? {
        AppendedV1::Success => AppendEntriesResponse::Success,
        AppendedV1::Partial(upto) => AppendEntriesResponse::PartialSuccess(loaded(upto)),
        AppendedV1::Conflict => AppendEntriesResponse::Conflict,
        AppendedV1::HigherVote(vote) => AppendEntriesResponse::HigherVote(vote.into()),
    })
}

pub(crate) fn vote(request: &VoteRequest<Types>) -> Bytes {
    sealed(&VoteAskV1 {
        vote: request.vote.into(),
        last: stored(request.last_log_id),
        transfer: request.leadership_transfer,
    })
}

pub(crate) fn read_vote(bytes: &[u8]) -> Result<VoteRequest<Types>, CodecError> {
    let read: VoteAskV1 = codec::read("vote request", bytes)?;
    let mut request = VoteRequest::new(read.vote.into(), loaded(read.last));
    request.leadership_transfer = read.transfer;
    Ok(request)
}

pub(crate) fn voted(response: &VoteResponse<Types>) -> Bytes {
    sealed(&VotedV1 {
        vote: response.vote.into(),
        granted: response.vote_granted,
        last: stored(response.last_log_id),
    })
}

pub(crate) fn read_voted(bytes: &[u8]) -> Result<VoteResponse<Types>, CodecError> {
    let read: VotedV1 = codec::read("answer to a vote request", bytes)?;
    Ok(VoteResponse::new(Vote::from(read.vote), loaded(read.last), read.granted))
}

pub(crate) fn transfer(request: &TransferLeaderRequest<Types>) -> Bytes {
    sealed(&TransferV1 {
        from: (*request.from_leader()).into(),
        to: *request.to_node_id(),
        last: stored(request.last_log_id().copied()),
    })
}

pub(crate) fn read_transfer(bytes: &[u8]) -> Result<TransferLeaderRequest<Types>, CodecError> {
    let read: TransferV1 = codec::read("leadership transfer", bytes)?;
    Ok(TransferLeaderRequest::new(read.from.into(), read.to, loaded(read.last)))
}

pub(crate) fn accepted(accepted: bool) -> Bytes {
    sealed(&accepted)
}

pub(crate) fn read_accepted(bytes: &[u8]) -> Result<bool, CodecError> {
    codec::read("answer to a leadership transfer", bytes)
}

pub(crate) fn snapshot(vote: Vote, marker: Bytes) -> Bytes {
    sealed(&SnapshotV1 { vote: vote.into(), marker })
}

pub(crate) fn read_snapshot(bytes: &[u8]) -> Result<(Vote, Bytes), CodecError> {
    let read: SnapshotV1 = codec::read("snapshot offer", bytes)?;
    Ok((read.vote.into(), read.marker))
}

pub(crate) fn installed(vote: Vote) -> Bytes {
    sealed(&VoteV1::from(vote))
}

pub(crate) fn read_installed(bytes: &[u8]) -> Result<Vote, CodecError> {
    codec::read::<VoteV1>("answer to a snapshot", bytes).map(Vote::from)
}

#[cfg(test)]
mod tests;
