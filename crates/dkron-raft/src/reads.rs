//! Read indices: all readers that wait share one question to the leader.

use openraft::LinearizerOption;
use openraft::errors::{LinearizableReadError, RaftError};
use tokio::sync::{mpsc, oneshot};

use crate::error::ReadError;
use crate::office::Office;
use crate::proposal::hint;

/// LIMIT: readers that wait for an index; the next one is refused.
pub(crate) const READERS_MAX: usize = 16_384;

pub(crate) type Reader = oneshot::Sender<Result<u64, ReadError>>;

/// Serves readers until all handles are gone. Readers that arrive while a question is under way
/// wait for the next one: an answer must not be older than the question.
pub(crate) async fn serve(office: Office, mut readers: mpsc::Receiver<Reader>) {
    let mut waiting = Vec::new();
    while readers.recv_many(&mut waiting, READERS_MAX).await > 0 {
        let answer = read_index(&office).await;
        for reader in waiting.drain(..) {
            // A reader that gave up needs no answer.
            let _ = reader.send(answer.clone());
        }
    }
}

async fn read_index(office: &Office) -> Result<u64, ReadError> {
    // Who hands over may still hold a lease while the next one has begun.
    if office.has_stepped_aside() {
        return Err(ReadError::NotLeader { hint: None });
    }
    let asked = LinearizerOption::new(Some(office.lease), true);
    match office.raft.get_read_log_id(asked).await {
        Ok((read, _applied)) => Ok(read.index()),
        Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
            Err(ReadError::NotLeader { hint: hint(forward) })
        }
        Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
            Err(ReadError::NoQuorum)
        }
        Err(RaftError::Fatal(_)) => Err(ReadError::Stopped),
    }
}
