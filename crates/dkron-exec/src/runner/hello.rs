//! The greeting, whose form never changes: it must be understood by builds that share no version.
//!
//! ```text
//!   both:   "dkronrun", version (u16), oldest version (u16), process id (u32), little-endian
//!   agent:  one byte: A attach, R retire
//! ```
//! A retired runner finishes what it has, takes nothing new and listens no more; another one is
//! started beside it.

use super::protocol::{OLDEST, VERSION};

/// Bytes of a greeting.
pub const HELLO_BYTES: usize = 16;

const MAGIC: &[u8; 8] = b"dkronrun";

/// What the agent says when it has seen the runner's greeting.
pub const ATTACH: u8 = b'A';
pub const RETIRE: u8 = b'R';

/// Who speaks, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    pub version: u16,
    pub oldest: u16,
    pub pid: u32,
}

impl Hello {
    /// This build's greeting.
    #[must_use]
    pub fn own() -> Self {
        Self { version: VERSION, oldest: OLDEST, pid: std::process::id() }
    }

    #[must_use]
    pub fn encode(self) -> [u8; HELLO_BYTES] {
        let mut bytes = [0; HELLO_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&self.version.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.oldest.to_le_bytes());
        bytes[12..].copy_from_slice(&self.pid.to_le_bytes());
        bytes
    }

    /// Nothing if it is no greeting.
    #[must_use]
    pub fn decode(bytes: [u8; HELLO_BYTES]) -> Option<Self> {
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let pid = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        let known = bytes.starts_with(MAGIC);
        known.then(|| Self { version: number(8), oldest: number(10), pid })
    }

    /// The version that both speak, if there is one.
    #[must_use]
    pub fn common(self, other: Self) -> Option<u16> {
        let version = self.version.min(other.version);
        (version >= self.oldest.max(other.oldest)).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_wire_and_finds_the_common_version() {
        let hello = |version, oldest| Hello { version, oldest, pid: 70_000 };
        assert_eq!(Hello::decode(hello(3, 2).encode()), Some(hello(3, 2)));
        assert_eq!(Hello::decode([7; HELLO_BYTES]), None);
        for (one, other, common) in [
            (hello(2, 2), hello(2, 2), Some(2)),
            (hello(5, 2), hello(3, 1), Some(3)),
            (hello(5, 4), hello(3, 1), None),
        ] {
            assert_eq!((one.common(other), other.common(one)), (common, common));
        }
    }
}
