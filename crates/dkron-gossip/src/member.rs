//! A member as the others know it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// All members that are known, by name, this node among them.
pub type Members = Arc<Vec<Member>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Random, kept in the data directory: a wiped node comes back under another one.
    pub id: u64,
    /// Unique among live members.
    pub name: String,
    /// Where its gossip listens.
    pub address: SocketAddr,
    /// The user's tags and the reserved ones.
    pub tags: BTreeMap<String, String>,
    pub status: Status,
}

/// The numbers are those of Dkron's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    Alive = 1,
    Leaving = 2,
    /// It said so.
    Left = 3,
    /// It does not answer.
    Failed = 4,
}
