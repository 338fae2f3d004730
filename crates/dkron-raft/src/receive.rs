//! What other servers send: decode, ask the library, encode its answer.

use bytes::Bytes;
use openraft::errors::RaftError;

use crate::codec::{self, CodecError};
use crate::config::{SnapshotMeta, Types};
use crate::error::ReceiveError;
use crate::start::Raft;
use crate::state::Parcel;
use crate::transport::MessageKind;
use crate::wire;

pub(crate) async fn message(
    raft: &Raft,
    kind: MessageKind,
    bytes: &[u8],
) -> Result<Bytes, ReceiveError> {
    match kind {
        MessageKind::Append | MessageKind::Heartbeat => {
            let request = wire::read_append(bytes).map_err(malformed)?;
            let answer = raft.append_entries(request).await.map_err(stopped)?;
            Ok(wire::appended(&answer))
        }
        MessageKind::Vote => {
            let request = wire::read_vote(bytes).map_err(malformed)?;
            Ok(wire::voted(&raft.vote(request).await.map_err(stopped)?))
        }
        MessageKind::PreVote => {
            let request = wire::read_vote(bytes).map_err(malformed)?;
            Ok(wire::voted(&raft.pre_vote(request).await.map_err(stopped)?))
        }
        MessageKind::Transfer => {
            let request = wire::read_transfer(bytes).map_err(malformed)?;
            let answer = raft.handle_transfer_leader(request).await;
            Ok(wire::accepted(answer.map_err(|_| ReceiveError::Stopped)?.is_ok()))
        }
    }
}

pub(crate) async fn snapshot(
    raft: &Raft,
    bytes: &[u8],
    rows: Parcel,
) -> Result<Bytes, ReceiveError> {
    let (vote, marker) = wire::read_snapshot(bytes).map_err(malformed)?;
    let marker = codec::read_marker(&marker).map_err(malformed)?;
    let meta = SnapshotMeta { last_log_id: marker.applied, last_membership: marker.membership };
    let snapshot = openraft::alias::SnapshotOf::<Types, Parcel> { meta, snapshot: rows };
    let answer = raft.install_full_snapshot(vote, snapshot).await;
    Ok(wire::installed(answer.map_err(|_| ReceiveError::Stopped)?.vote))
}

fn malformed(err: CodecError) -> ReceiveError {
    ReceiveError::Malformed { reason: err.to_string() }
}

fn stopped(_: RaftError<Types>) -> ReceiveError {
    ReceiveError::Stopped
}
