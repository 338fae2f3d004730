//! What can fail at this door, by the question that was asked.

use crate::transport::Peer;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Starting, initialising and purging.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("consensus timings don't fit together; check multiplier, heartbeat and election times")]
    Options { source: Source },
    #[error("failed to start the consensus thread")]
    Thread { source: std::io::Error },
    /// The log, the vote or the state cannot be read, or the state is older than the log's start.
    #[error("failed to start consensus from the stored log and state")]
    Start { source: Source },
    #[error("failed to sync the state before purging the log")]
    Sync { source: std::io::Error },
    #[error("failed to initialise the cluster of this server")]
    Initialize { source: Source },
    #[error("consensus has stopped")]
    Stopped,
}

/// A read index could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("this server is not the leader")]
    NotLeader { hint: Option<Peer> },
    #[error("the leader has no recent answer from a majority of servers")]
    NoQuorum,
    #[error("too many reads are waiting")]
    Busy,
    #[error("consensus has stopped")]
    Stopped,
}

/// A message of another server was not understood or could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    #[error("failed to decode a consensus message: {reason}")]
    Malformed { reason: String },
    #[error("consensus has stopped")]
    Stopped,
}

/// An error and its causes in one line, for places that can keep only text. Some of the library's
/// errors repeat their cause in their own text; then it is not said again.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
