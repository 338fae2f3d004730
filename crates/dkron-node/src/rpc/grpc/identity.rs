//! Who this node is to others.

use std::sync::Arc;

use crate::cluster::{Mark, Marked};
use crate::rpc::Role;

/// What this node says of itself in every hello.
pub struct Identity {
    /// 0 for an operator's command.
    pub id: u64,
    pub name: String,
    pub role: Role,
    pub shard: u32,
    /// The cluster of its data directory; an operator's command has none.
    pub mark: Option<Arc<Mark>>,
    /// From [`derive_key`], when `encrypt` is set: both ends of a connection prove that they have
    /// it. What travels can be read all the same.
    pub key: Option<[u8; 32]>,
    /// Lowest and highest version that it speaks: [`protocol`](super::protocol).
    pub protocol: (u16, u16),
}

impl Identity {
    pub(super) fn marked(&self) -> Option<Marked> {
        self.mark.as_ref().and_then(|mark| mark.get())
    }
}

/// The key of greetings, from that of the configuration.
pub fn derive_key(encrypt: &[u8]) -> [u8; 32] {
    blake3::derive_key("dkron.cluster.v1 proof of both ends of a connection", encrypt)
}
