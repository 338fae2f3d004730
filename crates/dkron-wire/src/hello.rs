//! What nodes say first on every connection between them.
//!
//! ```text
//!   dialer                          acceptor
//!   Hello(bytes of a hello)    ──▶
//!                              ◀──  Welcome(bytes of its hello, version, proof) or Refused
//!   Proof                      ──▶  (only with a key)
//!                              ◀──  Done or Refused
//! ```
//!
//! It is said before a version is agreed on, so its layout outlives all of them: bytes behind the
//! fields that this version knows are newer fields, and are passed over. A hello travels as bytes
//! within the greeting because the proofs are computed over what was really said.

use serde::{Deserialize, Serialize};

/// The first byte of every greeting; another one is another layout.
const LAYOUT: u8 = 1;

/// Who speaks, and what it is ready for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Lowest and highest version of the protocol that it speaks.
    pub protocol: (u16, u16),
    /// Bits for what versions do not tell; none so far.
    pub features: u64,
    /// Its cluster and the cluster's generation, unless it belongs to none yet.
    pub cluster: Option<([u8; 16], u64)>,
    /// 0 for an operator's command.
    pub id: u64,
    pub name: String,
    /// 1 a server, 2 an agent, 3 an operator's command.
    pub role: u8,
    pub shard: u32,
    /// It has a key and wants proof.
    pub keyed: bool,
    /// Random, never used twice.
    pub nonce: [u8; 32],
}

/// One message of the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Greeting {
    /// A [`Hello`] as bytes.
    Hello(Vec<u8>),
    /// The other side's [`Hello`] as bytes, the version that both will speak, and, with a key,
    /// that it has it.
    Welcome { hello: Vec<u8>, version: u16, proof: Option<[u8; 32]> },
    /// No; for people.
    Refused(String),
    /// The dialer has the key, too.
    Proof([u8; 32]),
    /// From now on everything is answered.
    Done,
}

/// Bytes that are no greeting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GreetingError {
    #[error("it greets in layout {0}, this node knows layout {LAYOUT}: upgrade it")]
    Layout(u8),
    #[error("its greeting is damaged")]
    Damaged(#[source] postcard::Error),
    #[error("its greeting is empty")]
    Empty,
}

impl Hello {
    pub fn encode(&self) -> Vec<u8> {
        write(self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Hello, GreetingError> {
        read(bytes)
    }
}

impl Greeting {
    pub fn encode(&self) -> Vec<u8> {
        write(self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Greeting, GreetingError> {
        read(bytes)
    }
}

fn write(form: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(form, vec![LAYOUT])
        .expect("the buffer grows, and every sequence knows its length")
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, GreetingError> {
    let (layout, body) = bytes.split_first().ok_or(GreetingError::Empty)?;
    if *layout != LAYOUT {
        return Err(GreetingError::Layout(*layout));
    }
    let (form, _newer) = postcard::take_from_bytes(body).map_err(GreetingError::Damaged)?;
    Ok(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello {
            protocol: (1, 3),
            features: 0,
            cluster: Some(([0xab; 16], 2)),
            id: 0x0102_0304_0506_0708,
            name: "n1".into(),
            role: 1,
            shard: 0,
            keyed: true,
            nonce: [7; 32],
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Every version of every node reads these bytes: they never change.
    #[test]
    fn a_hello_keeps_its_bytes() {
        let bytes = hello().encode();
        let cluster = "ab".repeat(16);
        let nonce = "07".repeat(32);
        let id = "88 8e 98 a8 c0 e0 80 81 01".replace(' ', "");
        assert_eq!(hex(&bytes), format!("0101030001{cluster}02{id}026e31010001{nonce}"));
        assert_eq!(Hello::decode(&bytes), Ok(hello()));
    }

    #[test]
    fn greetings_keep_their_numbers() {
        let greetings = [
            (Greeting::Hello(vec![9]), "01000109"),
            (Greeting::Welcome { hello: vec![9], version: 3, proof: None }, "01010109 0300"),
            (Greeting::Refused("no".into()), "0102026e6f"),
            (Greeting::Proof([1; 32]), &format!("0103{}", "01".repeat(32))),
            (Greeting::Done, "0104"),
        ];
        for (greeting, bytes) in greetings {
            assert_eq!(hex(&greeting.encode()), bytes.replace(' ', ""));
            assert_eq!(Greeting::decode(&greeting.encode()), Ok(greeting));
        }
    }

    #[test]
    fn newer_fields_are_passed_over() {
        let mut bytes = hello().encode();
        bytes.extend([1, 2, 3]);
        assert_eq!(Hello::decode(&bytes), Ok(hello()));
    }

    #[test]
    fn damage_and_other_layouts_are_errors() {
        let bytes = hello().encode();
        assert_eq!(Hello::decode(&[]), Err(GreetingError::Empty));
        assert_eq!(Hello::decode(&[2, 0]), Err(GreetingError::Layout(2)));
        for len in 1..bytes.len() {
            assert!(matches!(Hello::decode(&bytes[..len]), Err(GreetingError::Damaged(_))));
        }
    }
}
