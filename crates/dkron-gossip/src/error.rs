//! What keeps a member from talking to others.

use std::net::SocketAddr;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `bind-addr`: another process has the port, or the machine lacks the address.
    #[error("gossip can not listen on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("encrypt: the key wants base64 of 16, 24 or 32 bytes")]
    Key,
    /// None of the addresses answered.
    #[error("no member answered at {0}")]
    NobodyThere(String),
}
