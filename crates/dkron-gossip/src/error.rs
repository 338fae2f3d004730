//! What keeps a member from talking to others.

use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `bind-addr`: another process has the port, or the machine lacks the address.
    #[error("gossip can not listen on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("others can not reach {0}: set advertise-addr to an address of this machine")]
    Advertise(SocketAddr),
    #[error("encrypt: the key wants base64 of 16, 24 or 32 bytes")]
    Key,
    #[error("the node name has {0} bytes, gossip carries at most {max}", max = crate::NAME_BYTES)]
    Name(usize),
    #[error("the tags have {0} bytes, gossip carries at most {max}", max = crate::TAGS_BYTES)]
    Tags(usize),
    /// None of the addresses answered.
    #[error("no member answered at {0}")]
    NobodyThere(String),
    /// `retry-join`, `join`: what an entry can not mean.
    #[error("{entry:?} names no member: {reason}")]
    Entry { entry: String, reason: String },
    /// A name that leads nowhere now, and perhaps later.
    #[error("{entry}: {reason}")]
    Resolve { entry: String, reason: String },
    /// `retry-max` tries are over.
    #[error("nobody was joined in {tries} tries (retry-max): {last}")]
    GivenUp { tries: u32, last: String },
    #[error("{path}: {source}", path = path.display())]
    Roster { path: PathBuf, source: std::io::Error },
    /// It left, or was dropped.
    #[error("gossip has stopped")]
    Stopped,
}
