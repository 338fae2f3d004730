//! What gossip is started with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Options {
    pub id: u64,
    pub name: String,
    /// Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Where others reach this node; its port 0 stands for the one that was bound.
    pub advertise: SocketAddr,
    pub profile: Profile,
    pub key: Option<Key>,
    pub tags: BTreeMap<String, String>,
    /// A failed member is forgotten after this time.
    pub reconnect_timeout: Duration,
}

/// How patient the failure detection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Lan,
    Wan,
    Local,
}

/// The key of `encrypt`: members without it are not heard.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    Aes128([u8; 16]),
    Aes192([u8; 24]),
    Aes256([u8; 32]),
}

impl Key {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Key::Aes128(bytes) => bytes,
            Key::Aes192(bytes) => bytes,
            Key::Aes256(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key of {} bytes", self.as_bytes().len())
    }
}
