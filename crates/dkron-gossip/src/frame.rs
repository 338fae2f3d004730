//! How packets and messages look on the wire, and how they are sealed with the key.
//!
//! ```text
//!   "DKG" version mode | body                           mode 0: as it is
//!   "DKG" version mode | nonce (12) body tag (16)       mode 1: AES-GCM
//!   "DKG" version mode | reason (1)                     mode 2: a message that was refused
//! ```

use aes_gcm::aead::{Aead, KeyInit, Payload, consts::U12};
use aes_gcm::aes::Aes192;
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm, Nonce};

use crate::options::Key;

pub(crate) const HEAD_BYTES: usize = 5;
/// What sealing adds to a packet.
pub(crate) const OVERHEAD_BYTES: usize = HEAD_BYTES + NONCE_BYTES + 16;
const NONCE_BYTES: usize = 12;
const MAGIC: [u8; 3] = *b"DKG";
const VERSION: u8 = 1;

/// A packet is never taken for a message.
#[derive(Clone, Copy)]
pub(crate) enum Channel {
    Packet = 1,
    Stream = 2,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain = 0,
    Sealed = 1,
    Refused = 2,
}

/// Why something that came in can not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub(crate) enum Unreadable {
    #[error("it is not of this gossip; is a Go Dkron (Serf) node at work? the kinds do not mix")]
    Serf = 1,
    #[error("it is not of this gossip; something else talks to this port")]
    Foreign = 2,
    #[error("it is of another version of this gossip")]
    Version = 3,
    #[error("it is encrypted, and the receiver has no key (encrypt)")]
    KeyMissing = 4,
    #[error("it is not encrypted, and the receiver has a key (encrypt)")]
    NotEncrypted = 5,
    #[error("the keys (encrypt) of sender and receiver differ")]
    WrongKey = 6,
    #[error("it is damaged")]
    Damaged = 7,
}

impl Unreadable {
    fn from_code(code: u8) -> Option<Unreadable> {
        use Unreadable::*;
        let all = [Serf, Foreign, Version, KeyMissing, NotEncrypted, WrongKey, Damaged];
        all.into_iter().find(|reason| *reason as u8 == code)
    }
}

/// What the body of a frame is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Body(Vec<u8>),
    /// The other side could not read what it was sent.
    Refused(Unreadable),
}

pub(crate) struct Sealer {
    cipher: Option<Cipher>,
}

enum Cipher {
    Aes128(Box<Aes128Gcm>),
    Aes192(Box<AesGcm<Aes192, U12>>),
    Aes256(Box<Aes256Gcm>),
}

impl Sealer {
    pub fn new(key: Option<&Key>) -> Sealer {
        let cipher = key.map(|key| match key {
            Key::Aes128(bytes) => Cipher::Aes128(Box::new(Aes128Gcm::new(bytes.into()))),
            Key::Aes192(bytes) => Cipher::Aes192(Box::new(AesGcm::new(bytes.into()))),
            Key::Aes256(bytes) => Cipher::Aes256(Box::new(Aes256Gcm::new(bytes.into()))),
        });
        Sealer { cipher }
    }

    pub fn seal(&self, channel: Channel, body: &[u8]) -> Vec<u8> {
        let Some(cipher) = &self.cipher else {
            return [&head(Mode::Plain)[..], body].concat();
        };
        let head = head(Mode::Sealed);
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the system has randomness");
        let bound = bound(head, channel);
        let nonce = Nonce::from(nonce);
        let payload = Payload { msg: body, aad: &bound };
        let sealed = match cipher {
            Cipher::Aes128(cipher) => cipher.encrypt(&nonce, payload),
            Cipher::Aes192(cipher) => cipher.encrypt(&nonce, payload),
            Cipher::Aes256(cipher) => cipher.encrypt(&nonce, payload),
        };
        let sealed = sealed.expect("a body is far below the limit of the cipher");
        [&head[..], &nonce, &sealed].concat()
    }

    pub fn open(&self, channel: Channel, frame: &[u8]) -> Result<Opened, Unreadable> {
        let (mode, body) = read_head(frame)?;
        match (mode, &self.cipher) {
            (Mode::Refused, _) => {
                let reason = body.first().copied().and_then(Unreadable::from_code);
                reason.map(Opened::Refused).ok_or(Unreadable::Damaged)
            }
            (Mode::Plain, None) => Ok(Opened::Body(body.to_vec())),
            (Mode::Plain, Some(_)) => Err(Unreadable::NotEncrypted),
            (Mode::Sealed, None) => Err(Unreadable::KeyMissing),
            (Mode::Sealed, Some(cipher)) => {
                let (nonce, sealed) =
                    body.split_first_chunk::<NONCE_BYTES>().ok_or(Unreadable::Damaged)?;
                let bound = bound(head(mode), channel);
                let nonce = Nonce::from(*nonce);
                let payload = Payload { msg: sealed, aad: &bound };
                let plain = match cipher {
                    Cipher::Aes128(cipher) => cipher.decrypt(&nonce, payload),
                    Cipher::Aes192(cipher) => cipher.decrypt(&nonce, payload),
                    Cipher::Aes256(cipher) => cipher.decrypt(&nonce, payload),
                };
                plain.map(Opened::Body).map_err(|_| Unreadable::WrongKey)
            }
        }
    }
}

/// Tells who sent a message why it was not read; nothing secret, so it is as it is.
pub(crate) fn refusal(reason: Unreadable) -> Vec<u8> {
    [&head(Mode::Refused)[..], &[reason as u8]].concat()
}

/// Checks the first bytes of a frame.
pub(crate) fn check_head(frame: &[u8]) -> Result<(), Unreadable> {
    read_head(frame).map(|_| ())
}

fn head(mode: Mode) -> [u8; HEAD_BYTES] {
    [MAGIC[0], MAGIC[1], MAGIC[2], VERSION, mode as u8]
}

fn bound(head: [u8; HEAD_BYTES], channel: Channel) -> [u8; HEAD_BYTES + 1] {
    let [a, b, c, d, e] = head;
    [a, b, c, d, e, channel as u8]
}

fn read_head(frame: &[u8]) -> Result<(Mode, &[u8]), Unreadable> {
    let rest = frame.strip_prefix(&MAGIC).ok_or_else(|| foreign(frame))?;
    match rest {
        [VERSION, 0, body @ ..] => Ok((Mode::Plain, body)),
        [VERSION, 1, body @ ..] => Ok((Mode::Sealed, body)),
        [VERSION, 2, body @ ..] => Ok((Mode::Refused, body)),
        [VERSION, ..] | [] => Err(Unreadable::Damaged),
        _ => Err(Unreadable::Version),
    }
}

/// Serf's packets begin with their kind, a small number, or with a label.
fn foreign(frame: &[u8]) -> Unreadable {
    match frame.first() {
        Some(0..=14 | 244) => Unreadable::Serf,
        _ => Unreadable::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> [Option<Key>; 4] {
        let sealed = [Key::Aes128([1; 16]), Key::Aes192([2; 24]), Key::Aes256([3; 32])];
        let [a, b, c] = sealed.map(Some);
        [None, a, b, c]
    }

    #[test]
    fn each_key_reads_its_own_and_nothing_else() {
        for (i, writer) in keys().iter().enumerate() {
            let frame = Sealer::new(writer.as_ref()).seal(Channel::Packet, b"hello");
            for (j, reader) in keys().iter().enumerate() {
                let opened = Sealer::new(reader.as_ref()).open(Channel::Packet, &frame);
                let expected = match (i, j) {
                    (i, j) if i == j => Ok(Opened::Body(b"hello".to_vec())),
                    (0, _) => Err(Unreadable::NotEncrypted),
                    (_, 0) => Err(Unreadable::KeyMissing),
                    _ => Err(Unreadable::WrongKey),
                };
                assert_eq!(opened, expected, "{i} to {j}");
            }
        }
    }

    #[test]
    fn a_sealed_packet_is_no_message_and_a_changed_byte_is_seen() {
        let [_, key, ..] = keys();
        let sealer = Sealer::new(key.as_ref());
        let frame = sealer.seal(Channel::Packet, b"hello");
        assert_eq!(frame.len(), OVERHEAD_BYTES + 5);
        assert_eq!(sealer.open(Channel::Stream, &frame), Err(Unreadable::WrongKey));
        for at in HEAD_BYTES..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 1;
            assert_eq!(sealer.open(Channel::Packet, &changed), Err(Unreadable::WrongKey));
        }
    }

    #[test]
    fn what_is_not_ours_is_told_apart() {
        let open = |frame: &[u8]| Sealer::new(None).open(Channel::Packet, frame);
        assert_eq!(open(&[0, 0x82, 0xa5]), Err(Unreadable::Serf));
        assert_eq!(open(&[244, 4]), Err(Unreadable::Serf));
        assert_eq!(open(b"GET / HTTP/1.1"), Err(Unreadable::Foreign));
        assert_eq!(open(b""), Err(Unreadable::Foreign));
        assert_eq!(open(b"DKG"), Err(Unreadable::Damaged));
        assert_eq!(open(b"DKG\x02\x00"), Err(Unreadable::Version));
        assert_eq!(open(b"DKG\x01\x09"), Err(Unreadable::Damaged));
        let refused = refusal(Unreadable::WrongKey);
        assert_eq!(open(&refused), Ok(Opened::Refused(Unreadable::WrongKey)));
    }
}
