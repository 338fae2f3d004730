//! What gossip is started with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;

use crate::error::Error;

/// LIMIT: bytes of a name; a longer one is refused.
pub const NAME_BYTES: usize = 255;
/// LIMIT: bytes of all tags, keys and values; more are refused.
pub const TAGS_BYTES: usize = 16 << 10;

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
    /// A file for the members of last time, to look for after a restart.
    pub roster: Option<PathBuf>,
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
    /// Reads standard base64 of 16, 24 or 32 bytes.
    pub fn parse(text: &str) -> Result<Key, Error> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim());
        Key::from_bytes(&bytes.map_err(|_| Error::Key)?)
    }

    /// 16, 24 or 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Key, Error> {
        let aes128 = bytes.try_into().map(Key::Aes128);
        let aes192 = bytes.try_into().map(Key::Aes192);
        let aes256 = || bytes.try_into().map(Key::Aes256);
        aes128.or(aes192).or_else(|_| aes256()).map_err(|_| Error::Key)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_three_lengths_and_do_not_show() {
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        for length in [16, 24, 32] {
            let bytes = vec![7; length];
            let key = Key::parse(&encode(&bytes)).unwrap();
            assert_eq!(key.as_bytes(), bytes);
            assert_eq!(format!("{key:?}"), format!("Key of {length} bytes"));
        }
        for text in ["", "abc", "not base64!", &encode(&[7; 20]), &encode(&[7; 33])] {
            assert!(matches!(Key::parse(text), Err(Error::Key)), "{text}");
        }
    }
}
