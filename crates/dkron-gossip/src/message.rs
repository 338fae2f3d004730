//! What members ask each other over TCP; packets are the gossip library's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::identity::Identity;

pub(crate) type Tags = BTreeMap<String, String>;

/// LIMIT: bytes of one message; a larger one is refused.
pub(crate) const MESSAGE_BYTES: usize = 8 << 20;
/// LIMIT: members of one message; what is beyond is not looked at.
pub(crate) const MEMBERS_MOST: usize = 10_000;

/// New kinds at the end only.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// Who is there? Answered by `Known` with one member.
    Ask,
    /// All that the sender knows, itself first. Answered in kind.
    Known(Vec<Seen>),
}

/// A member as the sender sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub identity: Identity,
    /// The number by which a member refutes a suspicion.
    pub incarnation: u16,
    /// Ms since it is down; none if it is not.
    pub down_for: Option<u64>,
    /// With their version; none if the sender does not have them.
    pub tags: Option<((u64, u32), Tags)>,
}

impl Message {
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("memory takes it")
    }

    /// None for what no version of ours wrote.
    pub fn decode(bytes: &[u8]) -> Option<Message> {
        postcard::from_bytes(bytes).ok()
    }
}
