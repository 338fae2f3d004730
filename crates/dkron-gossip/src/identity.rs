//! Who a member is, as packets carry it: small, because each packet has two or three of them.
//!
//! The order of two identities of one id says which is the newer one.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Changing the order of the fields changes who wins, and what packets mean.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// When the process started, in ms since 1970; later if others remember a later one.
    pub life: u64,
    /// Counts what changed within this life.
    pub turn: u32,
    /// Counts the tags of this life; they travel by themselves.
    pub tags: u32,
    pub leaving: bool,
    pub id: u64,
    pub address: SocketAddr,
    pub name: String,
}

impl Identity {
    /// The same member one turn later: others forget what they thought of it.
    pub fn next(&self) -> Identity {
        Identity { turn: self.turn.saturating_add(1), ..self.clone() }
    }

    /// Which tags belong to it.
    pub fn tags_version(&self) -> (u64, u32) {
        (self.life, self.tags)
    }
}

impl foca::Identity for Identity {
    type Addr = u64;

    fn renew(&self) -> Option<Identity> {
        (!self.leaving).then(|| self.next())
    }

    fn addr(&self) -> u64 {
        self.id
    }

    fn win_addr_conflict(&self, adversary: &Identity) -> bool {
        self > adversary
    }
}
